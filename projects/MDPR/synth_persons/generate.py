"""Drawing samples in memory, and the whole set into a folder with all CPU cores."""

import logging
import multiprocessing
import os
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synth_persons.layout import FOLDERS, Entry, plan
from synth_persons.photo import Shot, jpeg_quality, take
from synth_persons.spec import SynthPersonsSpec

logger = logging.getLogger(__name__)

_CHUNK = 24
"""Files a process draws at a time: small enough to share work evenly."""


@dataclass(frozen=True)
class Sample:
    """One image in memory.

    Attributes:
        image: RGB pixels (H, W, 3), uint8.
        identity: Who, from 1.
        camera: By which camera, from 1.
        index: Number among the images of this identity and camera, from 0.
    """

    image: NDArray[np.uint8]
    identity: int
    camera: int
    index: int


def draw_samples(
    spec: SynthPersonsSpec,
    identities: Iterable[int],
    cameras: Iterable[int],
    images_per_camera: int,
) -> Iterator[Sample]:
    """Draw people without writing anything, for a miniature in any data set's layout.

    Args:
        spec: Look and size of the images; its counts are not used, but for `cameras`.
        identities: Whom to draw, numbers from 1.
        cameras: With which cameras, numbers from 1 to `spec.cameras`.
        images_per_camera: How many images of each person with each camera.

    Yields:
        The samples, sorted by identity, camera and index as given.

    Raises:
        ValueError: If an identity or camera number is out of range.
    """
    cameras = tuple(cameras)
    for identity in identities:
        for camera in cameras:
            for index in range(images_per_camera):
                image = take(spec, Shot(identity, camera, index))
                yield Sample(image, identity, camera, index)


def write_set(folder: Path, spec: SynthPersonsSpec, *, workers: int | None = None) -> None:
    """Write every image of the set into `folder`.

    Args:
        folder: An existing folder; the folders of the splits are made in it.
        spec: What to draw.
        workers: Processes to draw with; None takes one per CPU core this process may use.

    Raises:
        ValueError: If `workers` is below 1, or `spec` does not fit Market-1501's file names.
        OSError: If a file cannot be written.
    """
    if workers is not None and workers < 1:
        raise ValueError(f"workers is {workers}, but must be 1 or more (or None for all cores).")
    entries = plan(spec)
    for name in FOLDERS:
        (folder / name).mkdir()
    chunks = [entries[start : start + _CHUNK] for start in range(0, len(entries), _CHUNK)]
    workers = min(workers or _usable_cores(), len(chunks))
    # A daemonic process, such as a data loader's worker, may not have children of its own.
    if workers > 1 and not multiprocessing.current_process().daemon:
        try:
            _write_in_parallel(folder, spec, chunks, workers)
        except BrokenProcessPool:
            logger.warning("Drawing processes ended early; drawing in this process instead.")
        else:
            return
    for chunk in chunks:
        _write_chunk(folder, spec, chunk)


def _usable_cores() -> int:
    """Leave out cores that this process is kept from, where the system tells (Linux)."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def _write_in_parallel(folder: Path, spec: SynthPersonsSpec, chunks: list[list[Entry]], workers: int) -> None:
    # Forked workers start at once and need no `if __name__ == "__main__"` in the user's script;
    # they are safe here because drawing uses neither threads nor a GPU. macOS cannot fork safely.
    method = "fork" if sys.platform == "linux" else "spawn"
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        futures = [pool.submit(_write_chunk, folder, spec, chunk) for chunk in chunks]
        try:
            for future in futures:
                future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _write_chunk(folder: Path, spec: SynthPersonsSpec, entries: list[Entry]) -> None:
    for entry in entries:
        image = Image.fromarray(take(spec, entry.shot))
        path = folder / entry.folder / entry.name
        image.save(path, quality=jpeg_quality(spec, entry.shot), subsampling=0)
