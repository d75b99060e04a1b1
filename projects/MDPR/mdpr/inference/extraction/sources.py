"""From what a user names - images, folders, patterns, CSV files, videos, a data set - to rows."""

import csv
import glob
from collections.abc import Iterator, Sequence
from pathlib import Path

from mdpr.data.datasets.base import ImageDataset
from mdpr.data.datasets.image_sources import IMAGE_SUFFIXES, image_files
from mdpr.errors import InputError
from mdpr.inference.extraction.row import Row
from mdpr.inference.extraction.videos import VIDEO_SUFFIXES, rows_of_video

CORNERS = ("x1", "y1", "x2", "y2")
LABELS = ("person", "camera", "split")
SUFFIXES = (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES, ".csv")


def rows_of(
    sources: Sequence[str | Path], *, boxes: Sequence[str | Path] = (), whole_frames: bool = False
) -> list[Row]:
    """What the sources hold, in their order; nothing is dropped that is named twice.

    Args:
        sources: images; folders of them; patterns such as ``"shots/**/*.jpg"``; CSV files with the column
            path and, if known, person, camera, split, and x1, y1, x2, y2 of a box; videos.
        boxes: a MOT text file for each video, in their order.
        whole_frames: take the whole frames of videos instead.

    Raises:
        InputError: a source that is missing or holds nothing known, a line that does not parse, or videos and
            boxes that do not go together.
    """
    files = [file for source in sources for file in _files(str(source))]
    videos = [file for file in files if _suffix(file) in VIDEO_SUFFIXES]
    if len(boxes) != (0 if whole_frames else len(videos)):
        raise InputError(
            f"{len(videos)} videos ({', '.join(videos[:3]) or 'none'}) and {len(boxes)} files of boxes: give "
            "--boxes FILE once for each video, in their order, or --whole-frames alone to take whole frames"
        )
    box_files = iter(boxes)
    rows: list[Row] = []
    for file in files:
        if _suffix(file) == ".csv":
            rows += _csv_rows(Path(file))
        elif _suffix(file) in VIDEO_SUFFIXES:
            rows += rows_of_video(file, next(box_files, None))
        else:
            rows.append(Row(file))
    return rows


def rows_of_dataset(dataset: ImageDataset) -> list[Row]:
    """Query and gallery of a data set, with what it knows of them."""
    known = getattr(dataset, "has_identities", True)
    return [
        Row(path, str(person) if known else "", str(camera), split)
        for split, items in (("query", dataset.query), ("gallery", dataset.gallery))
        for path, person, camera in items
    ]


def _suffix(file: str) -> str:
    return Path(file).suffix.lower()


def _files(source: str) -> list[str]:
    path = Path(source)
    if path.is_dir():
        found = sorted(str(file) for file in image_files(path))
    elif path.exists():
        found = [source] if _suffix(source) in SUFFIXES else []
    else:
        found = [file for file in sorted(glob.glob(source, recursive=True)) if _suffix(file) in SUFFIXES]  # noqa: PTH207
    if not found:
        state = "is and holds nothing known" if path.exists() else "is not there, and matches no file"
        raise InputError(f"{source} {state}: expected {', '.join(SUFFIXES)}, or a folder of images")
    return found


def _csv_rows(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, skipinitialspace=True)
        try:
            columns = reader.fieldnames or ()
            if "path" not in columns or len({*CORNERS} & {*columns}) not in (0, 4):
                raise InputError(
                    f"{path} has the columns {', '.join(columns) or 'none'}: its first line must name path, "
                    f"and may name {', '.join(LABELS)}, and all of {', '.join(CORNERS)}"
                )
            for line in reader:
                value = {name: (line.get(name) or "").strip() for name in ("path", *LABELS, *CORNERS)}
                corners = [value[name] for name in CORNERS]
                where = f"{path}, line {reader.line_num}"
                if not value["path"]:
                    raise InputError(f"{where}: path is empty")
                try:
                    box = tuple(map(float, corners)) if any(corners) else None
                except ValueError:
                    raise InputError(f"{where}: the box is {corners}: expected 4 numbers or none") from None
                yield Row(
                    str(path.parent / value["path"]), value["person"], value["camera"], value["split"], box
                )
        except (UnicodeDecodeError, csv.Error) as error:
            raise InputError(f"{path} is no CSV file in UTF-8 ({error})") from error
