"""Nearest neighbours of every vector among all vectors, exact and in a defined order.

faiss searches in float32, on a GPU or on the CPU, and finds a few more than asked for. Exact distances decide
between these; and where a bound of what float32 rounds away says that one may have been missed, between all.
So the result depends neither on the device nor on the number of threads.

Letters: N vectors, R of them, k neighbours.
"""

from typing import Final

import faiss
import numpy as np
import torch
from numpy.typing import NDArray

from mdpr.evaluation.distances.feature_distances import FeatureDistances
from mdpr.evaluation.distances.grid import GridFeatures, squared_distances
from mdpr.evaluation.distances.ordering import fill_cells, smallest_cells
from mdpr.evaluation.distances.sources import ALL_ROWS, RowShare, row_blocks

_SPARE: Final = 8  # candidates besides the k
_GPU_BYTES: Final = 2 * 2**30  # all of MSMT17 at 4,608 values an image takes 1.6 GiB

# Indices (R, k) of neighbours, nearest first, and their squared Euclidean distances.
Neighbours = tuple[NDArray[np.int64], NDArray[np.float64]]


def nearest_neighbours(features: GridFeatures, k: int, share: RowShare = ALL_ROWS) -> Neighbours:
    """Find the k nearest neighbours of every vector, itself included.

    Order: a vector is its own first neighbour; then by Euclidean distance; then by index.

    Args:
        features: N vectors.
        k: number of neighbours, >= 1; at most N are found.
        share: vectors whose neighbours are searched here; all that share them get the whole.

    Returns:
        (N, min(k, N)) indices, nearest first, and squared Euclidean distances.

    Raises:
        ValueError: ``k`` below 1.
    """
    if k < 1:
        raise ValueError(f"the number of neighbours must be at least 1, got {k}")
    k = min(k, len(features))
    first, last = share.bounds(len(features))
    candidates, decided = _candidates(features, k, first, last)
    own = np.arange(first, last)
    values = squared_distances(features, own.repeat(candidates.shape[1]), candidates.ravel())
    values = values.reshape(candidates.shape)
    values[candidates == own[:, None]] = -np.inf
    order = np.lexsort((candidates, values))[:, :k]
    found, distances = np.take_along_axis(candidates, order, 1), np.take_along_axis(values, order, 1)
    redo = np.flatnonzero(~decided)
    if len(redo):
        found[redo], distances[redo] = _search_exactly(features, own[redo], k)
    distances[:, 0] = 0.0  # to itself
    return share.joined(found), share.joined(distances)


def _candidates(
    features: GridFeatures, k: int, first: int, last: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Candidates of the vectors ``first`` .. ``last - 1``, (R, k and some), and whether the k nearest are
    sure to be among these, (R,)."""
    # Lengths are brought to 1 and below by a power of two: nothing overflows, and only what is negligible
    # beside the longest vector underflows.
    scale = features.scale / features.scale.max()
    vectors = features.values
    if (scale != 1).any():
        vectors = vectors * scale.float()[:, None]
    lengths = (features.squared_norm.sqrt() * scale).cpu().numpy()
    # Bound of the error of a squared distance: a dot product of D terms in any order of addition (Higham,
    # "Accuracy and Stability of Numerical Algorithms", section 3.1), and the few operations around it.
    unit = (vectors.shape[1] + 8) * 2.0**-24
    error = unit / (1 - unit) * (lengths[first:last] + np.max(lengths)) ** 2
    num_found = min(k + _SPARE, len(vectors))
    distances, found = _search(vectors.cpu().numpy(), slice(first, last), num_found, vectors.device)
    # Whatever was not found is at least as far as the last one; both distances may be off.
    decided = distances[:, -1] - distances[:, k - 1] > 2 * error
    return found, decided | (num_found == len(vectors))


def _search(
    vectors: NDArray[np.float32], rows: slice, k: int, device: torch.device
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The one switch between GPU and CPU: squared distances of some vectors to what float32 takes for their k
    nearest, and the indices of these."""
    if device.type != "cuda" or faiss.get_num_gpus() == 0:
        return faiss.knn(vectors[rows], vectors, k)
    # faiss allocates beside PyTorch, which gives back what it keeps for later. Three things take memory: a
    # quarter of what is free for each leaves a quarter.
    torch.cuda.empty_cache()
    limit = min(_GPU_BYTES, torch.cuda.mem_get_info(device)[0] // 4)
    resources = faiss.StandardGpuResources()
    resources.setTempMemory(limit)
    return faiss.knn_gpu(
        *(resources, vectors[rows], vectors, k),
        device=-1 if device.index is None else device.index,  # -1: faiss's current one
        vectorsMemoryLimit=limit,
        queriesMemoryLimit=limit,
    )


def _search_exactly(features: GridFeatures, rows: NDArray[np.int64], k: int) -> Neighbours:
    """Find the neighbours of some vectors by exact distances to all."""
    source = FeatureDistances(features[torch.from_numpy(rows)], features, metric="euclidean")
    found, distances = np.empty((len(rows), k), dtype=np.int64), np.empty((len(rows), k))
    for start, stop in row_blocks(source):
        block = source.rows(start, stop)
        fill_cells(block, np.arange(stop - start), rows[start:stop], -torch.inf)
        found[start:stop], distances[start:stop] = smallest_cells(block, k)
    return found, distances
