"""Candidates for nearest neighbours: what may be among them, for all that rounding can have done.

faiss searches in float32, on a GPU or on the CPU, and finds a few more than asked for. A bound of what
float32 rounds away says of which vectors nothing can have been missed; they are most.

Letters: N vectors, D their dimension, k neighbours, P pairs of a vector and a candidate.
"""

from dataclasses import dataclass
from typing import Final

import faiss
import numpy as np
import torch
from numpy.typing import NDArray

from mdpr.evaluation.distances.grid import GridFeatures

_SPARE: Final = 8  # candidates besides the k


@dataclass(frozen=True, eq=False)
class Candidates:
    """What may be among the k nearest of each vector.

    Attributes:
        rows, columns: (P,) int64 vector and candidate; each vector is its own candidate.
        undecided: (U,) int64 vectors of which rounding may have hidden a neighbour; they are in no pair.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    undecided: NDArray[np.int64]


def find_candidates(features: GridFeatures, k: int, device: str) -> Candidates:
    """Find candidates of every vector.

    Args:
        features: N vectors.
        k: number of neighbours, 1 <= k <= N.
        device: "cpu", or the GPU to search on.
    """
    # Lengths are brought to 1 and below by a power of two: nothing overflows, and only what is negligible
    # beside the longest vector underflows.
    scale = features.scale / np.max(features.scale)
    vectors = features.values
    if (scale != 1).any():
        vectors = vectors * scale.astype(np.float32)[:, None]
    lengths = np.sqrt(features.squared_norm) * scale
    # Bound of the error of a squared distance: a dot product of D terms in any order of addition (Higham,
    # "Accuracy and Stability of Numerical Algorithms", section 3.1), and the few operations around it.
    unit = (vectors.shape[1] + 8) * 2.0**-24
    error = unit / (1 - unit) * (lengths + np.max(lengths)) ** 2
    num_vectors = len(vectors)
    num_found = min(k + _SPARE, num_vectors)
    distances, found = _search(vectors, num_found, device)
    # Whatever was not found is at least as far as the last one; both distances may be off.
    decided = distances[:, -1] - distances[:, k - 1] > 2 * error
    if num_found == num_vectors:
        decided[:] = True
    rows = np.flatnonzero(decided)
    return Candidates(
        rows=np.repeat(rows, num_found),
        columns=found[rows].ravel(),
        undecided=np.flatnonzero(~decided),
    )


def _search(
    vectors: NDArray[np.float32], k: int, device: str
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The one switch between GPU and CPU: squared distances to, and indices of, what float32 takes for the
    k nearest, (N, k) each."""
    place = torch.device(device)
    if place.type == "cuda" and faiss.get_num_gpus() > 0:
        gpu = -1 if place.index is None else place.index  # -1: faiss's current one
        resources = faiss.StandardGpuResources()
        return faiss.knn_gpu(resources, vectors, vectors, k, device=gpu)
    return faiss.knn(vectors, vectors, k)
