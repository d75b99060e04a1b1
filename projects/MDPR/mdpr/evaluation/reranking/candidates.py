"""Candidates for nearest neighbours: what may be among them, for all that rounding can have done.

On a GPU faiss searches in float32. On a CPU, or with a faiss that sees no GPU, the search is a matrix
product, in bfloat16 where the CPU computes in it and the vectors have one length (cosine), else in
float32; a bound of what the format rounds away says which vectors have to be kept.

Letters: N vectors, D their dimension, B of them in a block, k neighbours, P pairs of a vector and a
candidate.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import faiss
import numpy as np
import torch
from numpy.typing import NDArray

from mdpr.evaluation.distances.grid import GridFeatures
from mdpr.evaluation.distances.ordering import RowGroups
from mdpr.host import cpu_computes_in_bfloat16

__all__ = ["Candidates", "find_candidates"]

_BLOCK_BYTES: Final = 128 * 2**20
# Candidates besides the k that a search on the GPU brings, and groups with candidates (`RowGroups`) that
# a vector may have before exact distances to all vectors are cheaper.
_SPARE: Final = 8
_MOST_PER_NEIGHBOUR: Final = 8
# Where bfloat16 leaves more groups than this on average, float32 is faster.
_MOST_OF_BFLOAT16: Final = 4
_BFLOAT16_ROUNDING: Final = 2.0**-8
_EQUAL_LENGTHS: Final = 2.0**-20


@dataclass(frozen=True, eq=False)
class Candidates:
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


def find_candidates(features: GridFeatures, k: int, device: str) -> Iterator[Candidates]:
    """Find candidates of every vector, block by block: the one switch between GPU and CPU.

    Args:
        features: N vectors.
        k: number of neighbours, 1 <= k <= N.
        device: "cpu", or the GPU to search on.
    """
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
    error = (unit / (1 - unit) * (lengths + lengths.max()) ** 2).astype(np.float32)
    place = torch.device(device)
    if place.type == "cuda" and faiss.get_num_gpus() > 0:
        current = -1  # in faiss's count of GPUs
        return _search_on_gpu(vectors, error, k, current if place.index is None else place.index)
    return _search_on_cpu(vectors, lengths.astype(np.float32), error, k)


def _search_on_gpu(
    vectors: NDArray[np.float32], error: NDArray[np.float32], k: int, gpu: int
) -> Iterator[Candidates]:
    num_vectors = len(vectors)
    num_found = min(k + _SPARE, num_vectors)
    resources = faiss.StandardGpuResources()
    distances, found = faiss.knn_gpu(resources, vectors, vectors, num_found, device=gpu)
    # Whatever was not found is at least as far as the last one; both distances may be off.
    decided = distances[:, -1] - distances[:, k - 1] > 2 * error
    rows = np.flatnonzero(decided | (num_found == num_vectors))
    yield Candidates(
        start=0,
        stop=num_vectors,
        rows=np.repeat(rows, num_found),
        columns=found[rows].ravel(),
        undecided=np.setdiff1d(np.arange(num_vectors), rows),
    )


class _Float32Scores:
    """Half of the squared distances, less what is the same in a whole row: smaller is nearer."""

    def __init__(self, vectors: torch.Tensor, error: torch.Tensor, block_rows: int) -> None:
        self._vectors = vectors
        self._half_square = torch.linalg.vecdot(vectors, vectors).mul_(0.5)
        self._error = error
        self._buffer = torch.empty(block_rows, len(vectors))

    def block(self, rows: slice) -> torch.Tensor:
        """Compute some rows, (B, N); valid until the next call."""
        left, out = self._vectors[rows], self._buffer[: rows.stop - rows.start]
        with _full_float32():
            return torch.addmm(self._half_square, left, self._vectors.T, alpha=-1, out=out)

    def slack(self, rows: slice, limit: torch.Tensor) -> torch.Tensor:
        """How far above ``limit`` (B, 1), a computed score that k columns do not exceed, a column's
        computed score may be that is among the k nearest: (B, 1)."""
        # Half squares are off by half the error at most, those of the k columns and the column's own.
        return self._error[rows, None]


class _BFloat16Scores:
    """The same for vectors of one length, of which only the dot products matter."""

    def __init__(
        self, vectors: torch.Tensor, lengths: torch.Tensor, error: torch.Tensor, block_rows: int
    ) -> None:
        self._vectors = vectors.bfloat16()
        lost = torch.cat(
            [
                torch.linalg.vector_norm(exact - rounded.float(), dim=1)
                for exact, rounded in zip(
                    vectors.split(block_rows), self._vectors.split(block_rows), strict=True
                )
            ]
        )
        # Of the operands (Cauchy-Schwarz), and of adding up in float32. Lengths that are not quite
        # equal are far below the latter's bound.
        self._error = lost * (lengths.max() + lost.max()) + lengths * lost.max() + error
        self._buffer = torch.empty(block_rows, len(vectors), dtype=torch.bfloat16)

    def block(self, rows: slice) -> torch.Tensor:
        out = self._buffer[: rows.stop - rows.start]
        return torch.mm(-self._vectors[rows], self._vectors.T, out=out)

    def slack(self, rows: slice, limit: torch.Tensor) -> torch.Tensor:
        # The result is rounded too, in proportion to itself; the wanted scores are within the errors
        # of the limit.
        error = self._error[rows, None]
        return 2 * (error + _BFLOAT16_ROUNDING * (limit.abs() + 2 * error) * 1.01)


def _search_on_cpu(
    vectors: NDArray[np.float32], lengths: NDArray[np.float32], error: NDArray[np.float32], k: int
) -> Iterator[Candidates]:
    num_vectors = len(vectors)
    block_rows = min(num_vectors, max(1, _BLOCK_BYTES // (4 * num_vectors)))
    every, errors = torch.from_numpy(vectors), torch.from_numpy(error)
    narrow = cpu_computes_in_bfloat16() and float(np.ptp(lengths)) <= _EQUAL_LENGTHS
    scores: _Float32Scores | _BFloat16Scores = (
        _BFloat16Scores(every, torch.from_numpy(lengths), errors, block_rows)
        if narrow
        else _Float32Scores(every, errors, block_rows)
    )
    for start in range(0, num_vectors, block_rows):
        rows = slice(start, min(start + block_rows, num_vectors))
        groups, limit, counts = _select(scores, rows, k)
        if narrow and counts.double().mean() > _MOST_OF_BFLOAT16 * k:
            narrow, scores = False, _Float32Scores(every, errors, block_rows)
            groups, limit, counts = _select(scores, rows, k)
        many = counts > _MOST_PER_NEIGHBOUR * k
        limit[many] = -torch.inf
        cells = groups.cells(limit)
        yield Candidates(
            start=start,
            stop=rows.stop,
            rows=cells[0].numpy() + start,
            columns=cells[1].numpy(),
            undecided=start + np.flatnonzero(many.numpy()),
        )


def _select(
    scores: _Float32Scores | _BFloat16Scores, rows: slice, k: int
) -> tuple[RowGroups, torch.Tensor, torch.Tensor]:
    """Compute a block; its groups, the limit (B, 1) of candidates, and groups with any (B,)."""
    groups = RowGroups(scores.block(rows), k)
    limit = groups.limit()
    limit = limit + scores.slack(rows, limit)
    return groups, limit, groups.count(limit)


@contextlib.contextmanager
def _full_float32() -> Iterator[None]:
    """Matrix products in float32, where the program has allowed PyTorch to round to less."""
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(precision)
