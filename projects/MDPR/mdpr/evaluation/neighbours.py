"""Nearest neighbours of every vector among all vectors, exact and in a defined order.

faiss finds them in float32. Where two candidates are so close that float32 rounding could have
swapped them, the row is done again with exact distances, so the result depends neither on the
device nor on the number of threads.
"""

from typing import Final

import faiss
import numpy as np
import torch
from numpy.typing import NDArray

from .distances import FeatureDistances, row_blocks
from .grid import GridFeatures
from .ordering import smallest_columns

# Above the rounding error of faiss's ||x||^2 + ||y||^2 - 2 x.y in float32, relative to the norms.
_FLOAT32_TOLERANCE: Final = 2.0**-18


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
    vectors = features.values * features.scale.astype(np.float32)[:, None]
    # One more than asked for, to see whether the k-th and the next one are too close to call.
    distances, found = _search(vectors, min(k + 1, len(features)))
    lengths = features.squared_norm * features.scale**2
    tolerance = _FLOAT32_TOLERANCE * (lengths + lengths[found].max(axis=1))
    doubtful = (np.diff(distances, axis=1) <= tolerance[:, None]).any(axis=1)
    found = found[:, :k]
    doubtful |= found[:, 0] != np.arange(len(found))
    rows = np.flatnonzero(doubtful)
    if len(rows):
        found[rows] = _search_exactly(features, rows, k)
    return found


def _search(vectors: NDArray[np.float32], k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Find squared distances and indices, both (N, k): the one switch between GPU and CPU."""
    if faiss.get_num_gpus() > 0:
        return faiss.knn_gpu(faiss.StandardGpuResources(), vectors, vectors, k)
    return faiss.knn(vectors, vectors, k)


def _search_exactly(features: GridFeatures, rows: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    source = FeatureDistances(features[rows], features, metric="euclidean")
    found = np.empty((len(rows), k), dtype=np.int64)
    for start, stop in row_blocks(source, None):
        block = source.rows(start, stop)
        block[torch.arange(stop - start), torch.from_numpy(rows[start:stop])] = -1.0
        found[start:stop] = smallest_columns(block, k)
    return found
