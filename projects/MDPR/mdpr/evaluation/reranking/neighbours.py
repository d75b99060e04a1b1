"""Nearest neighbours of every vector among all vectors, exact and in a defined order.

A search with rounding finds candidates (`candidates`); exact distances decide between them, so the result
depends neither on the device nor on the number of threads.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from mdpr.evaluation.distances.feature_distances import FeatureDistances
from mdpr.evaluation.distances.grid import GridFeatures, squared_distances
from mdpr.evaluation.distances.ordering import first_cells, smallest_cells
from mdpr.evaluation.distances.sources import row_blocks
from mdpr.evaluation.reranking.candidates import find_candidates


def nearest_neighbours(features: GridFeatures, k: int, *, device: str = "cpu") -> NDArray[np.int64]:
    """Find the k nearest neighbours of every vector, itself included.

    Order: a vector is its own first neighbour; then by Euclidean distance; then by index.

    Args:
        features: N vectors.
        k: number of neighbours, >= 1; at most N are found.
        device: where candidates are searched; it changes no result.

    Returns:
        (N, min(k, N)) indices, nearest first.

    Raises:
        ValueError: ``k`` below 1.
    """
    return neighbours_and_distances(features, k, device=device)[0]


def neighbours_and_distances(
    features: GridFeatures, k: int, *, device: str = "cpu"
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Find the k nearest neighbours of every vector as `nearest_neighbours` does, and their distances.

    Returns:
        (N, min(k, N)) indices, nearest first, and squared Euclidean distances.
    """
    if k < 1:
        raise ValueError(f"the number of neighbours must be at least 1, got {k}")
    k = min(k, len(features))
    candidates = find_candidates(features, k, device)
    rows, columns = candidates.rows, candidates.columns
    values = squared_distances(features, rows, columns)
    values[rows == columns] = -np.inf
    found, distances = first_cells(rows, columns, values, shape=(len(features), k))
    redo = candidates.undecided
    if len(redo):
        found[redo], distances[redo] = _search_exactly(features, redo, k)
    distances[:, 0] = 0.0  # to itself
    return found, distances


def _search_exactly(
    features: GridFeatures, rows: NDArray[np.int64], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Find the k nearest neighbours of some rows (R,) by exact distances, and these, both (R, k)."""
    source = FeatureDistances(features[rows], features, metric="euclidean")
    found, distances = np.empty((len(rows), k), dtype=np.int64), np.empty((len(rows), k))
    for start, stop in row_blocks(source, None):
        block = source.rows(start, stop)
        block[torch.arange(stop - start), torch.from_numpy(rows[start:stop])] = -torch.inf
        found[start:stop], distances[start:stop] = smallest_cells(block, k)
    return found, distances
