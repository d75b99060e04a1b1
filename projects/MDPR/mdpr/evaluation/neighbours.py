"""Nearest neighbours of every vector among all vectors, exact and in a defined order.

A float32 search finds candidates: all vectors that, for all that float32 rounding can have done, may be
among the k nearest. Exact distances decide between them, so the result depends neither on the device
nor on the number of threads.

Letters: N vectors, B of them in a block, P pairs of a vector and a candidate.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import faiss
import numpy as np
import torch
from numpy.typing import NDArray

from mdpr.evaluation.distances import FeatureDistances, row_blocks
from mdpr.evaluation.grid import GridFeatures, squared_distances
from mdpr.evaluation.ordering import first_columns, smallest_columns
from mdpr.evaluation.selection import RowGroups

_BLOCK_BYTES: Final = 128 * 2**20
# Candidates besides the k that a search on the GPU brings, and those that a row may have before exact
# distances to all vectors are cheaper.
_SPARE: Final = 8
_MOST_CANDIDATES_PER_NEIGHBOUR: Final = 8


@dataclass(frozen=True, eq=False)
class _Candidates:
    """What may be among the k nearest of vectors ``start`` .. ``stop - 1``.

    Attributes:
        rows, columns: (P,) int64 vector and candidate; each vector is its own candidate.
        undecided: (U,) int64 vectors with too many candidates to list, which are in no pair.
    """

    start: int
    stop: int
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    undecided: NDArray[np.int64]


def nearest_neighbours(features: GridFeatures, k: int) -> NDArray[np.int64]:
    """Find the k nearest neighbours of every vector, itself included.

    Order: a vector is its own first neighbour; then by Euclidean distance; then by index.

    Args:
        features: N vectors.
        k: number of neighbours, >= 1; at most N are found.

    Returns:
        (N, min(k, N)) indices, nearest first.

    Raises:
        ValueError: ``k`` below 1.
    """
    if k < 1:
        raise ValueError(f"the number of neighbours must be at least 1, got {k}")
    k = min(k, len(features))
    found = np.empty((len(features), k), dtype=np.int64)
    undecided = []
    for candidates in _search(features, k):
        rows, columns = candidates.rows, candidates.columns
        distances = squared_distances(features, rows, columns)
        distances[rows == columns] = -np.inf
        start, stop = candidates.start, candidates.stop
        shape = (stop - start, k)
        found[start:stop] = first_columns(rows - start, columns, distances, shape=shape)
        undecided.append(candidates.undecided)
    redo = np.concatenate(undecided)
    if len(redo):
        found[redo] = _search_exactly(features, redo, k)
    return found


def _search(features: GridFeatures, k: int) -> Iterator[_Candidates]:
    """Find candidates in float32: the one switch between GPU and CPU."""
    # Lengths are brought to 1 and below by a power of two: nothing overflows, and only what is negligible
    # beside the longest vector underflows.
    scale = features.scale / features.scale.max()
    vectors = features.values
    if (scale != 1).any():
        vectors = vectors * scale.astype(np.float32)[:, None]
    lengths = np.sqrt(features.squared_norm) * scale
    # Bound of the error of a squared distance: a dot product of D terms in any order of addition (Higham,
    # "Accuracy and Stability of Numerical Algorithms", section 3.1), and the few operations around it.
    unit = (vectors.shape[1] + 8) * 2.0**-24
    error = unit / (1 - unit) * (lengths + lengths.max()) ** 2
    search = _search_on_gpu if faiss.get_num_gpus() > 0 else _search_on_cpu
    return search(vectors, error.astype(np.float32), k)


def _search_on_cpu(
    vectors: NDArray[np.float32], error: NDArray[np.float32], k: int
) -> Iterator[_Candidates]:
    """Find candidates by PyTorch's matrix product, with which faiss does not keep up on a CPU."""
    num_vectors = len(vectors)
    every, slack = torch.from_numpy(vectors), torch.from_numpy(error)[:, None]
    half_square = (every * every).sum(dim=1).mul_(0.5)
    block_rows = min(num_vectors, max(1, _BLOCK_BYTES // (4 * num_vectors)))
    buffer = torch.empty(block_rows, num_vectors)
    for start in range(0, num_vectors, block_rows):
        rows = slice(start, min(start + block_rows, num_vectors))
        block = buffer[: rows.stop - start]
        # Half the squared distance, but for what is the same in the whole row.
        with _full_float32():
            torch.addmm(half_square, every[rows], every.T, alpha=-1, out=block)
        groups = RowGroups(block, k)
        # Half squares are off by half the error at most, those of the k nearest and the candidate's.
        limit = groups.limit() + slack[rows]
        many = groups.count(limit) > _MOST_CANDIDATES_PER_NEIGHBOUR * k
        limit[many] = -torch.inf
        cells = groups.cells(limit)
        yield _Candidates(
            start=start,
            stop=rows.stop,
            rows=cells[0].numpy() + start,
            columns=cells[1].numpy(),
            undecided=start + np.flatnonzero(many.numpy()),
        )


def _search_on_gpu(
    vectors: NDArray[np.float32], error: NDArray[np.float32], k: int
) -> Iterator[_Candidates]:
    """Find candidates by faiss."""
    num_vectors = len(vectors)
    num_found = min(k + _SPARE, num_vectors)
    resources = faiss.StandardGpuResources()
    distances, found = faiss.knn_gpu(resources, vectors, vectors, num_found)
    # Whatever was not found is at least as far as the last one; both distances may be off.
    decided = distances[:, -1] - distances[:, k - 1] > 2 * error
    rows = np.flatnonzero(decided | (num_found == num_vectors))
    yield _Candidates(
        start=0,
        stop=num_vectors,
        rows=np.repeat(rows, num_found),
        columns=found[rows].ravel(),
        undecided=np.setdiff1d(np.arange(num_vectors), rows),
    )


@contextlib.contextmanager
def _full_float32() -> Iterator[None]:
    """Matrix products in float32, where the program has allowed PyTorch to round to less."""
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(precision)


def _search_exactly(features: GridFeatures, rows: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """Find the k nearest neighbours of some rows (R,) by exact distances to all vectors."""
    source = FeatureDistances(features[rows], features, metric="euclidean")
    found = np.empty((len(rows), k), dtype=np.int64)
    for start, stop in row_blocks(source, None):
        block = source.rows(start, stop)
        block[torch.arange(stop - start), torch.from_numpy(rows[start:stop])] = -torch.inf
        found[start:stop] = smallest_columns(block, k)
    return found
