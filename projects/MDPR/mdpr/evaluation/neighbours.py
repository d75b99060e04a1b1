"""Nearest neighbours of every vector among all vectors, exact and in a defined order.

faiss finds them in float32. Where candidates are so close that float32 rounding could have swapped
them, exact distances decide, so the result depends neither on the device nor on the number of
threads.
"""

from typing import Final

import faiss
import numpy as np
import torch
from numpy.typing import NDArray

from mdpr.evaluation.distances import FeatureDistances, row_blocks
from mdpr.evaluation.grid import GridFeatures, squared_distances
from mdpr.evaluation.ordering import smallest_columns

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
    # One more than asked for, to see whether the k-th and the next one are too close to call.
    distances, found = _search(_vectors(features), min(k + 1, len(features)))
    lengths = features.squared_length
    tolerance = _FLOAT32_TOLERANCE * (lengths + lengths[found].max(axis=1))
    # Not "<=": where float32 overflowed, a difference is NaN and says nothing.
    close = ~(np.diff(distances, axis=1) > tolerance[:, None])
    close_at_the_end = close[:, -1:].any(axis=1)
    found = found[:, :k]
    own = found == np.arange(len(features))[:, None]
    # faiss fills up with -1 where float32 overflowed.
    redo = np.flatnonzero(close_at_the_end | ~own.any(axis=1) | (found < 0).any(axis=1))
    sort = np.flatnonzero(close.any(axis=1) | ~own[:, 0])
    found[sort] = _sort_exactly(features, sort, found[sort])
    if len(redo):
        found[redo] = _search_exactly(features, redo, k)
    return found


def _vectors(features: GridFeatures) -> NDArray[np.float32]:
    if (features.scale == 1).all():
        return features.values
    return features.values * features.scale.astype(np.float32)[:, None]


def _sort_exactly(
    features: GridFeatures, rows: NDArray[np.int64], found: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Put the right neighbours (R, k) of some rows (R,) into the right order."""
    owners = np.repeat(rows, found.shape[1])
    distances = squared_distances(features, owners, found.ravel()).reshape(found.shape)
    distances[found == rows[:, None]] = -np.inf
    order = np.lexsort((found, distances), axis=1)
    return np.take_along_axis(found, order, axis=1)


def _search(vectors: NDArray[np.float32], k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Find squared distances and indices, both (N, k): the one switch between GPU and CPU."""
    if faiss.get_num_gpus() > 0:
        return faiss.knn_gpu(faiss.StandardGpuResources(), vectors, vectors, k)
    return faiss.knn(vectors, vectors, k)


def _search_exactly(features: GridFeatures, rows: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """Find the k nearest neighbours of some rows (R,) by exact distances to all vectors."""
    source = FeatureDistances(features[rows], features, metric="euclidean")
    found = np.empty((len(rows), k), dtype=np.int64)
    for start, stop in row_blocks(source, None):
        block = source.rows(start, stop)
        block[torch.arange(stop - start), torch.from_numpy(rows[start:stop])] = -torch.inf
        found[start:stop] = smallest_columns(block, k)
    return found
