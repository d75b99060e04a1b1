"""k-reciprocal encoding, sparse (Zhong et al., "Re-ranking Person Re-identification with
k-reciprocal Encoding", CVPR 2017, sections 3.2 to 3.4).

Every image gets a sparse vector over all images: weights on its k-reciprocal neighbours and on
theirs. Memory grows with N k, never with N^2.

Letters: N images, K neighbours of each, P pairs (non-zeros).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from mdpr.evaluation.distances.arrays import for_each
from mdpr.evaluation.distances.grid import GridFeatures, squared_distances

_ROWS_PER_BLOCK: Final = 256
_STEPS_PER_UNIT: Final = 2.0**52


def encode(
    features: GridFeatures,
    neighbours: NDArray[np.int64],
    distances: NDArray[np.float64],
    *,
    k1: int,
    k2: int,
) -> csr_array:
    """Encode every image by its k-reciprocal neighbourhood.

    Args:
        features: N vectors.
        neighbours: (N, min(k1, N)) their nearest neighbours, see `nearest_neighbours`.
        distances: (N, min(k1, N)) squared distances to these.
        k1: size of the neighbourhoods; the expansion uses those of size about k1 / 2.
        k2: number of neighbours over which vectors are averaged (local query expansion);
            1 for none.

    Returns:
        (N, N) float64 rows of weights >= 0 that sum to 1 (0 for a row without neighbours): multiples of
        2^-52, so that sums of parts of a row are exact, in any order.
    """
    rows, columns = _expanded_neighbours(neighbours, k1)
    counts = np.bincount(rows, minlength=len(features))
    indptr = np.concatenate([[0], np.cumsum(counts)])
    squared = _distances_of_pairs(features, neighbours, distances, rows, columns)
    weights = _softmax_per_row(-squared, rows, counts)
    encoding = csr_array((weights, columns, indptr), shape=(len(features), len(features)))
    if k2 > 1:
        encoding = _average(encoding, neighbours[:, :k2])
    encoding.data = np.rint(encoding.data * _STEPS_PER_UNIT) / _STEPS_PER_UNIT
    return encoding


def _is_reciprocal(neighbours: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Tell whether image i is among the neighbours of its p-th neighbour, (N, K)."""
    mutual = np.empty(neighbours.shape, dtype=np.bool_)

    def compare(start: int) -> None:
        block = neighbours[start : start + _ROWS_PER_BLOCK]
        own = np.arange(start, start + len(block), dtype=neighbours.dtype)
        mutual[start : start + len(block)] = (neighbours[block] == own[:, None, None]).any(axis=2)

    for_each(compare, range(0, len(neighbours), _ROWS_PER_BLOCK))
    return mutual


def _expanded_neighbours(
    neighbours: NDArray[np.int64], k1: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """List the pairs (image, member of its expanded k-reciprocal set), sorted."""
    full = neighbours.astype(np.int32)
    # Neighbourhoods of k and an image itself; the lists end at k1 entries all the same, as in
    # fast-reid.
    half = full[:, : int(np.around(k1 / 2)) + 1]
    mutual, mutual_half = _is_reciprocal(full), _is_reciprocal(half)
    starts = range(0, len(neighbours), _ROWS_PER_BLOCK)
    keys: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)] * len(starts)

    def expand(start: int) -> None:
        keys[starts.index(start)] = _expand_block(full, mutual, half, mutual_half, start)

    for_each(expand, starts)
    rows, columns = np.divmod(np.concatenate(keys), len(neighbours))
    return rows, columns


def _expand_block(
    neighbours: NDArray[np.int32],
    mutual: NDArray[np.bool_],
    half: NDArray[np.int32],
    mutual_half: NDArray[np.bool_],
    start: int,
) -> NDArray[np.int64]:
    """Expand the sets of one block of images; pairs come as keys image * N + member, sorted.

    A reciprocal neighbour's own (half-size) set joins when more than 2/3 of it is in the image's
    set already.
    """
    stop = min(start + _ROWS_PER_BLOCK, len(neighbours))
    rows, places = np.nonzero(mutual[start:stop])
    members = neighbours[start + rows, places]
    in_set = np.zeros((stop - start, len(neighbours)), dtype=np.bool_)
    in_set[rows, members] = True
    candidates, valid = half[members], mutual_half[members]
    shared = np.count_nonzero(in_set[rows[:, None], candidates] & valid, axis=1)
    joins = valid & (3 * shared > 2 * np.count_nonzero(valid, axis=1))[:, None]
    joining, place = np.nonzero(joins)
    all_rows = start + np.concatenate([rows, rows[joining]])
    all_members = np.concatenate([members, candidates[joining, place]])
    keys = all_rows * np.int64(len(neighbours)) + all_members
    keys.sort()
    first = np.concatenate([[True], keys[1:] != keys[:-1]])
    return keys[first]


def _distances_of_pairs(
    features: GridFeatures,
    neighbours: NDArray[np.int64],
    distances: NDArray[np.float64],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Find squared distances of sorted pairs (P,); most are those of neighbours, and known."""
    order = np.argsort(neighbours, axis=1)
    first_key = np.arange(len(neighbours))[:, None] * len(neighbours)
    known = (first_key + np.take_along_axis(neighbours, order, axis=1)).ravel()
    keys = rows * len(neighbours) + columns
    place = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    squared = np.take_along_axis(distances, order, axis=1).ravel()[place]
    new = np.flatnonzero(known[place] != keys)
    squared[new] = squared_distances(features, rows[new], columns[new])
    return squared


def _softmax_per_row(
    values: NDArray[np.float64], rows: NDArray[np.int64], counts: NDArray[np.int64]
) -> NDArray[np.float64]:
    filled = np.flatnonzero(counts)
    first = (np.cumsum(counts) - counts)[filled]
    largest = np.zeros(len(counts))
    largest[filled] = np.maximum.reduceat(values, first)
    weights = np.exp(values - largest[rows])
    return weights / np.bincount(rows, weights=weights, minlength=len(counts))[rows]


def _average(encoding: csr_array, neighbours: NDArray[np.int64]) -> csr_array:
    """Replace every row by the mean of its neighbours' rows."""
    num_images, k = neighbours.shape
    weights, first = np.full(neighbours.size, 1.0 / k), np.arange(num_images + 1) * k
    return csr_array((weights, neighbours.ravel(), first), shape=encoding.shape) @ encoding
