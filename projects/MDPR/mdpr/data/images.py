"""One way to read an image file, whatever its mode, and one error that names the file.

fast-reid's reader hands out 1-, 2- and 4-channel images as they are, and an unreadable file stops an
epoch without its path.
"""

import struct
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from mdpr.errors import DatasetError

# What Pillow's decoders raise on damaged files, besides OSError.
_DECODE_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    struct.error,
    Image.DecompressionBombError,
    # Ultralytics, once it is imported, lets Pillow ask for a package before it gives a file up.
    ImportError,
)


class ImageReadError(DatasetError):
    """An image file cannot be read.

    Args:
        message: the whole message, with the path.
        reason: what is wrong with the file, without the path.
    """

    def __init__(self, message: str, reason: str = "") -> None:
        # PyTorch makes a loader worker's error again from one string, the worker's traceback, whose
        # last line is the message.
        super().__init__(message.rpartition(f"{__name__}.ImageReadError: ")[2].rstrip())
        self.reason = reason


def read_rgb(path: str | Path) -> Image.Image:
    """Read an image as RGB, upright.

    Greyscale (1, 8 and 16 bit), palette, CMYK and images with transparency become RGB. 16-bit grey is
    scaled to 8 bit (0..65535 to 0..255). Transparency is dropped and the stored colours stay, as in
    OpenCV's and torchvision's RGB readers. An EXIF orientation is applied. RGB images keep their pixels.

    Returns:
        The decoded image, mode RGB, with no open file behind it.

    Raises:
        ImageReadError: the file is missing, empty, truncated, no image, or of a kind whose range of
            values is unknown (32-bit or floating-point grey).
    """
    try:
        with Image.open(path) as image:
            image.load()
            return to_rgb(image)
    except _DECODE_ERRORS as error:
        reason = _reason(Path(path), error)
        raise ImageReadError(
            f"{path} cannot be read as an image: {reason}. Replace or remove it; "
            "`python scripts/check_dataset.py NAME` lists all such files of a data set",
            reason,
        ) from error


def to_rgb(image: Image.Image) -> Image.Image:
    """An image that is open already, as `read_rgb` has it.

    Raises:
        ValueError: grey values whose range is unknown.
    """
    return _as_rgb(_upright(image))


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # a damaged EXIF block can raise anything, and says nothing about the pixels
        return image


def _as_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 or 32 bits, such as I;16B
        return _eight_bit(image).convert("RGB")
    if image.mode == "F":
        raise ValueError("floating-point grey values, whose range is unknown")
    if image.mode == "P":  # the two steps keep Pillow from warning about transparent palettes
        image = image.convert("RGBA")
    return image.convert("RGB")


def _eight_bit(image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(np.int64)
    if np.min(values) < 0 or np.max(values) > 65535:
        raise ValueError("32-bit grey values, whose range is unknown")
    return Image.fromarray(np.rint(values / 257).astype(np.uint8))


def _reason(path: Path, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if path.is_dir():
        return "it is a folder"
    if path.is_file() and path.stat().st_size == 0:
        return "it is empty (0 bytes)"
    if isinstance(error, (Image.UnidentifiedImageError, ImportError)):
        return "its content is not that of any known image format"
    return str(error).partition("\n")[0] or type(error).__name__
