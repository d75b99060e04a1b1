"""Many small pictures in little space.

JPEG files of one size and quality begin alike, with 0.6 KB of tables, as much as the rest of a small picture
needs. That beginning is kept once; whoever shows a picture puts it in front again.
"""

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageOps

from mdpr.visualization.rank_lists import BACKGROUND

# Width and height in pixels, and JPEG's quality: the first that fits is taken.
FORMS: Final = (((64, 128), 75), ((48, 96), 70), ((40, 80), 64), ((36, 72), 60), ((32, 64), 55))
_SAMPLE: Final = 200  # images by which a form's size is judged
_MARGIN: Final = 1.05  # of what these may be off
_START_OF_IMAGE, _START_OF_SCAN = 2, b"\xff\xda"


@dataclass(frozen=True)
class Thumbnails:
    """Pictures in base64: ``start`` followed by one of ``rest`` is a JPEG file; "" where there is none.

    ``rest`` has an entry for each path that was asked for, as far as they fit.
    """

    start: str
    rest: tuple[str, ...]
    size: tuple[int, int]


def make_thumbnails(
    paths: Sequence[str], read: Callable[[str], Image.Image | None], budget: int
) -> Thumbnails:
    """Make pictures that together take no more than ``budget`` characters.

    Args:
        paths: of images, the most important first: where not even the smallest form fits, the last get none.
        read: an image of a path; None where it cannot be read.
        budget: characters of base64.
    """
    sample = [image for path in paths[:: max(1, len(paths) // _SAMPLE)] if (image := read(path)) is not None]
    for size, quality in FORMS:
        lengths = [len(_parts(image, size, quality)[1]) for image in sample]
        each = _MARGIN * sum(lengths) / max(1, len(lengths))
        if each * len(paths) <= budget:
            break
    kept = paths[: int(budget / each)] if each else paths
    start, rest = "", []
    for path in kept:
        image, one = read(path), ""
        if image is not None:
            start, one = _parts(image, size, quality)
        rest.append(one)
    return Thumbnails(start, tuple(rest), size)


def _parts(image: Image.Image, size: tuple[int, int], quality: int) -> tuple[str, str]:
    """The beginning that all pictures of this form share, and the rest."""
    stream = io.BytesIO()
    ImageOps.pad(image, size, color=BACKGROUND).save(stream, "JPEG", quality=quality, subsampling="4:2:0")
    jpeg = stream.getvalue()
    # Bytes 0xFF may stand before any marker: with them the beginning ends where a character does.
    scan = jpeg.index(_START_OF_SCAN)
    filled = jpeg[:_START_OF_IMAGE] + b"\xff" * (-scan % 3) + jpeg[_START_OF_IMAGE:scan]
    return base64.b64encode(filled).decode(), base64.b64encode(jpeg[scan:]).decode()
