"""The batches of a run, from any place in it on.

A run is one endless row of batches. Which images they hold is drawn from a generator that starts from
the seed alone, so batch number n is the same in every process and after every restart; to start at n,
the n batches before it are drawn and dropped (indices only: no image is read).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
from torch.utils.data import Sampler

BatchStream = Callable[[], Iterator[np.ndarray]]
"""Starts the run's batches from the first: (B,) image indices each, of all processes."""


class Draw(NamedTuple):
    """One image of a batch."""

    image: int  # index into the training set
    position: int  # its place in the run, counted in images over all processes from 0


@dataclass(frozen=True)
class BatchSize:
    """How the images of a step are shared out."""

    per_process: int  # images of one process, > 0
    processes: int = 1  # > 0

    @property
    def total(self) -> int:
        """Images of one step over all processes."""
        return self.per_process * self.processes


class RepeatableBatches(Sampler[list[Draw]]):
    """A batch sampler whose order depends on nothing but its stream and where it starts.

    Args:
        stream: the run's batches.
        size: how each is shared out.
        rank: this process, 0..processes-1.
        in_turn: True hands image j of a batch to process j modulo their number, as fast-reid does
            with independent images; False gives each process one piece, which keeps the images of an
            identity together.
    """

    def __init__(self, stream: BatchStream, size: BatchSize, *, rank: int = 0, in_turn: bool = False) -> None:
        self._stream = stream
        self.size = size
        begin = rank * size.per_process
        self._share = slice(rank, None, size.processes) if in_turn else slice(begin, begin + size.per_process)
        # Batches that come before the first one to hand out.
        self.start = 0

    def __iter__(self) -> Iterator[list[Draw]]:
        places = range(self.size.total)[self._share]
        for number, batch in enumerate(islice(self._stream(), self.start, None), self.start):
            first = number * self.size.total
            indices = batch[self._share].tolist()
            yield [Draw(i, first + place) for i, place in zip(indices, places, strict=True)]
