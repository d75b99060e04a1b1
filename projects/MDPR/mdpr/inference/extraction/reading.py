"""Rows read, cut out and made ready for a network, in loader processes."""

import signal
from collections.abc import Callable, Sequence

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from mdpr.data.images import ImageReadError, read_rgb
from mdpr.errors import InputError
from mdpr.inference.extraction.row import Row
from mdpr.inference.extraction.videos import VideoReader
from mdpr.inference.images import crops_of

# A row's number, and its pixels (3, H, W) or why there are none.
Outcome = tuple[int, Tensor | str]
# The number behind the last one, (B, 3, H, W) of the rows that could be read, and the others' reasons.
Batch = tuple[int, Tensor | None, dict[int, str]]


class RowReader(Dataset[Outcome]):
    """Rows as pixels; a picture that several rows are cut out of one after the other is decoded once.

    Args:
        rows: what to read.
        prepare: makes (3, H, W) of the network's size of a picture in RGB.
    """

    def __init__(self, rows: Sequence[Row], prepare: Callable[..., Tensor]) -> None:
        self._rows = rows
        self._prepare = prepare
        self._video = VideoReader("")
        self._last: tuple[tuple[str, int], Image.Image] | None = None

    def batches(self, start: int, batch_size: int, workers: int) -> "DataLoader[Batch]":
        """The rows from ``start`` on, in their order, read by so many processes; 0 reads in this one."""
        options = {"collate_fn": _collate, "worker_init_fn": _start_worker}
        order = range(start, len(self._rows))
        return DataLoader(self, batch_size, sampler=order, num_workers=workers, **options)  # type: ignore

    def __getitem__(self, number: int) -> Outcome:
        """A row, read."""
        row = self._rows[number]
        try:
            picture = self._picture(row.path, row.frame)
            return number, self._prepare(next(crops_of(picture, [row.box])) if row.box else picture)
        except ImageReadError as error:
            return number, error.reason
        except InputError as error:
            return number, str(error)

    def _picture(self, path: str, frame: int) -> Image.Image:
        if self._last is None or self._last[0] != (path, frame):
            if frame and self._video.path != path:
                self._video = VideoReader(path)
            self._last = (path, frame), self._video.read(frame) if frame else read_rgb(path)
        return self._last[1]


def _collate(outcomes: list[Outcome]) -> Batch:
    end = outcomes[-1][0] + 1
    failed = {number: outcome for number, outcome in outcomes if isinstance(outcome, str)}
    read = [outcome for _, outcome in outcomes if not isinstance(outcome, str)]
    if not read:
        return end, None, failed
    pixels = torch.stack(read)
    as_bytes = pixels.to(torch.uint8)  # a quarter of the shared memory, of which containers have little
    return end, as_bytes if torch.equal(as_bytes.to(pixels.dtype), pixels) else pixels, failed


def _start_worker(worker: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this process
