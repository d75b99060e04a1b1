"""Distances from queries to the gallery, made in blocks of query rows.

A ranking never needs all distances at once. It reads them from a `DistanceSource`, which makes
a block of rows when asked; making a block again gives the same bits. Sources are distances between
features (`feature_distances`), re-ranked ones (`reranking`), and a matrix that is already there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import torch
from fastreid.utils import comm
from numpy.typing import NDArray

from mdpr.evaluation.distances.checks import check_finite_rows

_BLOCK_BYTES: Final = 64 * 2**20


@dataclass(frozen=True)
class RowShare:
    """Which rows a process works on: all of them, unless all processes of a run share them.

    Attributes:
        rank: of this process among those that share.
        processes: how many share; 1, or all.
    """

    rank: int = 0
    processes: int = 1

    def bounds(self, num_rows: int) -> tuple[int, int]:
        """The first of ``num_rows`` rows that are this process's, and the one behind the last."""
        return num_rows * self.rank // self.processes, num_rows * (self.rank + 1) // self.processes

    def joined(self, own: NDArray) -> NDArray:
        """The rows of all processes, in each of them. Every one that shares must call it."""
        return np.concatenate(comm.all_gather(own)) if self.processes > 1 else own


ALL_ROWS: Final = RowShare()


class DistanceSource(Protocol):
    """Q x G distances, made in blocks of rows.

    Attributes:
        num_query: number of rows Q.
        num_gallery: number of columns G.
        share: rows of this process.
    """

    num_query: int
    num_gallery: int
    share: RowShare

    def rows(self, start: int, stop: int) -> torch.Tensor:
        """Make rows ``start`` .. ``stop - 1``.

        Returns:
            (stop - start, G) float64, finite. The caller may write into it; it holds until the
            next call, which may use the same memory again.
        """


def row_blocks(source: DistanceSource, block_rows: int | None = None) -> Iterator[tuple[int, int]]:
    """Cut this process's rows of a source into blocks.

    Args:
        source: where the rows are.
        block_rows: rows a block, >= 1; None for about 64 MiB a block.

    Yields:
        ``start, stop`` of each block.

    Raises:
        ValueError: ``block_rows`` below 1.
    """
    if block_rows is None:
        block_rows = max(1, _BLOCK_BYTES // (8 * source.num_gallery))
    if block_rows < 1:
        raise ValueError(f"block_rows must be at least 1, got {block_rows}")
    first, last = source.share.bounds(source.num_query)
    for start in range(first, last, block_rows):
        yield start, min(start + block_rows, last)


class MatrixDistances:
    """Distances that are already there, as a (Q, G) matrix; it is read, never changed.

    Take ``distances``, (Q, G) floating point or integers, Q, G >= 1, finite.

    Raises:
        ValueError: another shape, an empty matrix, or values that are not finite.
    """

    def __init__(self, distances: NDArray[np.floating]) -> None:
        if distances.ndim != 2 or distances.size == 0:
            raise ValueError(
                "distances: a matrix of shape (num_query, num_gallery), neither of them 0, "
                f"is needed, got shape {distances.shape}"
            )
        check_finite_rows(distances, "distances")
        self._distances, self.share = distances, ALL_ROWS
        self.num_query, self.num_gallery = distances.shape

    def rows(self, start: int, stop: int) -> torch.Tensor:
        """Copy rows ``start`` .. ``stop - 1``, (stop - start, G) float64."""
        return torch.from_numpy(np.array(self._distances[start:stop], dtype=np.float64))
