"""Whatever an image comes as, to what the evaluation reads from a file: a PIL image, RGB, upright."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from torch import Tensor, uint8

from mdpr.data.images import read_rgb, to_rgb
from mdpr.errors import InputError

COLORS: Final = ("rgb", "bgr")
"""In which order the channels of an array lie; OpenCV's is "bgr"."""


def check_color(color: str) -> None:
    """
    Raises:
        InputError: ``color`` is none of `COLORS`.
    """
    if color not in COLORS:
        raise InputError(f"color is {color!r}: expected 'rgb', or 'bgr' for arrays as OpenCV has them")


def is_one_image(images: Any) -> bool:
    """Whether this is an image, and not several of them."""
    if isinstance(images, (str, Path, Image.Image)):
        return True
    dimensions = getattr(images, "ndim", None)
    return dimensions == 3 or (dimensions == 2 and isinstance(images, np.ndarray))


def rgb_image(image: Any, color: str = "rgb") -> Image.Image:
    """One image as the evaluation would have read it from a file.

    Args:
        image: a path, a PIL image, an array (H, W, 3) or (H, W) uint8, or a tensor (3, H, W) uint8, which
            is RGB.
        color: order of an array's channels, one of `COLORS`.

    Raises:
        ImageReadError: a file that cannot be read.
        InputError: anything else.
    """
    if isinstance(image, (str, Path)):
        return read_rgb(image)
    if isinstance(image, Image.Image):
        return to_rgb(image)
    if isinstance(image, Tensor):
        if image.ndim != 3 or image.shape[0] != 3 or image.dtype != uint8:
            raise _wrong_pixels(f"a tensor {tuple(image.shape)} of {image.dtype}", "(3, H, W) of torch.uint8")
        return _from_array(image.permute(1, 2, 0).cpu().numpy(), "rgb")
    if isinstance(image, np.ndarray):
        return _from_array(image, color)
    raise InputError(
        f"an image is a {type(image).__name__}: expected a path, a PIL image, a NumPy array or a uint8 tensor"
    )


def crops_of(frame: Image.Image, boxes: ArrayLike) -> Iterator[Image.Image]:
    """The pieces of a frame that boxes name, one by one.

    Args:
        frame: RGB.
        boxes: (N, 4) left, top, right, bottom in pixels; rounded, and clipped to the frame.

    Raises:
        InputError: boxes of another shape, or one without a pixel in the frame.
    """
    whole, empty = clip_boxes(boxes, frame.width, frame.height)
    if empty.any():
        index = int(empty.argmax())
        box = [float(edge) for edge in np.asarray(boxes, dtype=np.float64)[index]]
        raise InputError(
            f"box {index} is {box}: it has no pixel in the frame of {frame.width} x {frame.height}; "
            "expected left < right and top < bottom, in pixels, with a part of it inside"
        )
    for box in whole:
        yield frame.crop(tuple(box.tolist()))


def clip_boxes(boxes: ArrayLike, width: int, height: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Boxes in whole pixels of a frame.

    Args:
        boxes: (N, 4) left, top, right, bottom.
        width: of the frame.
        height: of the frame.

    Returns:
        (N, 4), rounded and clipped; and (N,), whether nothing is left of a box, as of an inverted one.

    Raises:
        InputError: boxes of another shape, or numbers that are not finite.
    """
    edges = np.asarray(boxes, dtype=np.float64)
    edges = edges.reshape(0, 4) if edges.size == 0 else edges
    if edges.ndim != 2 or edges.shape[1] != 4 or not np.isfinite(edges).all():
        raise InputError(f"boxes are {edges.shape}: expected (N, 4) finite numbers, left, top, right, bottom")
    limits = np.array([width, height, width, height])
    whole = np.rint(np.clip(edges, 0, limits)).astype(np.int64)
    return whole, np.any(whole[:, 2:] <= whole[:, :2], axis=1)


def _from_array(array: NDArray[Any], color: str) -> Image.Image:
    is_image = array.ndim in (2, 3) and array.shape[2:] in ((), (3,)) and array.size > 0
    if array.dtype != np.uint8 or not is_image:
        raise _wrong_pixels(f"an array {array.shape} of {array.dtype}", "(H, W, 3) or (H, W) of uint8")
    if array.ndim == 3 and color == "bgr":
        array = array[:, :, ::-1]
    return Image.fromarray(np.ascontiguousarray(array)).convert("RGB")


def _wrong_pixels(what: str, expected: str) -> InputError:
    return InputError(f"an image is {what}: expected {expected}, values 0..255")
