"""Rows of small images for the page, each row one picture embedded in it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PIL import Image, ImageOps

from mdpr.data.checking.entries import Entry
from mdpr.data.checking.findings import ImageFacts, counted
from mdpr.data.images import ImageReadError, read_rgb
from mdpr.pages import image_uri

CELL_WIDTH, CELL_HEIGHT, GAP = 64, 128, 4  # pixels
BACKGROUND = (226, 230, 236)
ROWS, COLUMNS = 6, 12


@dataclass(frozen=True)
class Mosaic:
    """Images of one identity in one split: title, lines below it, and a picture as a data URI."""

    label: str
    caption: tuple[str, ...]
    picture: str


def identity_mosaics(entries: Sequence[Entry], facts: Mapping[str, ImageFacts], split: str) -> list[Mosaic]:
    """A sample of the identities of a split, spread evenly, and of their images."""
    of_identity: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.split == split and not facts[entry.path].problem:
            of_identity[entry.identity].append(entry)
    mosaics = []
    for identity in _spread(sorted(of_identity, key=_numeric), ROWS):
        mine = sorted(of_identity[identity], key=lambda entry: (_numeric(entry.camera), entry.path))
        cameras = len({entry.camera for entry in mine})
        picture = strip([entry.path for entry in _spread(mine, COLUMNS)])
        if picture:
            caption = (counted(len(mine), "image"), counted(cameras, "camera"))
            mosaics.append(Mosaic(f"identity {identity}", caption, picture))
    return mosaics


def strip(paths: Sequence[str]) -> str:
    """Images side by side as a data URI of a JPEG; empty if none can be read."""
    cells = []
    for path in paths:
        try:
            image = read_rgb(path)
        except ImageReadError:
            continue
        cells.append(ImageOps.pad(image, (CELL_WIDTH, CELL_HEIGHT), color=BACKGROUND))
    if not cells:
        return ""
    sheet = Image.new("RGB", (len(cells) * (CELL_WIDTH + GAP) - GAP, CELL_HEIGHT), BACKGROUND)
    for place, cell in enumerate(cells):
        sheet.paste(cell, (place * (CELL_WIDTH + GAP), 0))
    return image_uri(sheet)


def _spread(values: Sequence, count: int) -> list:
    if len(values) <= count:
        return list(values)
    return [values[place * (len(values) - 1) // (count - 1)] for place in range(count)]


def _numeric(text: str) -> tuple[int, str]:
    return (int(text), "") if text.lstrip("-").isdecimal() else (0, text)
