"""Decoded, resized training images in one memory-mapped file, for small sets on slow decoders.

Decoding and resizing take most of a loader process's time, and give the same pixels in every epoch. The
file has ``height x width x 3`` bytes an image (221 kB at 384 x 192): 2.9 GB for Market-1501's training set.
All loader processes, and all processes of a run, map the same file, so its pages are in memory once.
"""

import hashlib
import os
import shutil
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from fastreid.config import CfgNode
from numpy.typing import NDArray
from PIL import Image

from mdpr.errors import ConfigError, wrong_value


class ImageCache:
    """Images by index; a file that changes (in size or time) or another size makes a new cache.

    An image cut short by a crash, or damaged on disk, does not match its checksum and counts as missing.

    Args:
        folder: made where it is missing.
        image_paths: of all images, in the order of their indices.
        size: height and width.

    Raises:
        ConfigError: the folder has too little space left.

    Attributes:
        path: the memory-mapped file.
        size: height and width of every image in pixels.
    """

    def __init__(
        self, folder: str | Path, image_paths: Sequence[str], size: tuple[int, int]
    ) -> None:
        self.size, self._count = size, len(image_paths)
        self.path = Path(folder) / f"images-{_digest(image_paths, size)}.bin"
        self._reserve()
        self._map()

    def get(self, index: int) -> Image.Image | None:
        """The image at ``index``, or None where it is not stored."""
        check = self._checks[index]
        if check == 0:
            return None
        pixels = self._pixels[index].copy()
        return Image.fromarray(pixels) if _check(pixels) == check else None

    def put(self, index: int, image: Image.Image) -> Image.Image:
        """Store an image.

        Args:
            index: its place.
            image: RGB, of any size.

        Returns:
            It, resized as fast-reid's transforms resize.
        """
        height, width = self.size
        image = image.resize((width, height), Image.Resampling.BICUBIC)
        pixels = np.asarray(image)
        self._pixels[index] = pixels
        self._checks[index] = _check(pixels)
        return image

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs to map the same file."""
        return {"size": self.size, "_count": self._count, "path": self.path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._map()

    @property
    def _bytes(self) -> int:
        height, width = self.size
        return self._count * (height * width * 3 + 4)

    def _reserve(self) -> None:
        """Take the whole space at once: a full disk would end a process in the middle of an epoch."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.is_file() and self.path.stat().st_size == self._bytes:
            return
        free = shutil.disk_usage(self.path.parent).free
        if free < self._bytes:
            raise ConfigError(
                f"DATALOADER.IMAGE_CACHE is {str(self.path.parent)!r}, with {free / 1e9:.1f} GB left: "
                f"expected a folder with {self._bytes / 1e9:.1f} GB for {self._count} images of "
                f"{self.size[0]} x {self.size[1]} pixels, or ''"
            )
        with self.path.open("ab") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, self._bytes)
            else:
                file.truncate(self._bytes)

    def _map(self) -> None:
        height, width = self.size
        pixel_bytes = self._count * height * width * 3
        self._pixels: NDArray[np.uint8] = np.memmap(
            self.path, np.uint8, "r+", 0, (self._count, height, width, 3)
        )
        self._checks: NDArray[np.uint32] = np.memmap(
            self.path, np.uint32, "r+", pixel_bytes, (self._count,)
        )


def training_cache(cfg: CfgNode, image_paths: Sequence[str]) -> ImageCache | None:
    """The cache that ``DATALOADER.IMAGE_CACHE`` asks for.

    Args:
        cfg: ``DATALOADER.IMAGE_CACHE`` and ``INPUT`` are read.
        image_paths: of all training images.

    Raises:
        ConfigError: images are changed at random before they are resized, or there is no space.
    """
    folder = cfg.DATALOADER.IMAGE_CACHE
    if not folder:
        return None
    if cfg.INPUT.AUTOAUG.ENABLED:
        raise wrong_value(
            "DATALOADER.IMAGE_CACHE",
            folder,
            "'' while INPUT.AUTOAUG.ENABLED is True, which changes images before they are resized",
        )
    height, width = cfg.INPUT.SIZE_TRAIN
    return ImageCache(folder, image_paths, (height, width))


def _check(pixels: NDArray[np.uint8]) -> int:
    """A checksum that is never 0, which stands for no image."""
    return zlib.crc32(pixels.tobytes()) or 1


def _digest(image_paths: Sequence[str], size: tuple[int, int]) -> str:
    digest = hashlib.sha256(repr(size).encode())
    for path in image_paths:
        try:
            status = Path(path).stat()
            facts = f"{path} {status.st_size} {status.st_mtime_ns}\n"
        except OSError:
            facts = f"{path} missing\n"
        digest.update(facts.encode())
    return digest.hexdigest()[:16]
