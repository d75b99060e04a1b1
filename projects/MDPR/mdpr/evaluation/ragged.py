"""Index arithmetic for rows of unequal length, without a Python loop over the rows."""

import numpy as np
from numpy.typing import NDArray


def ragged_ranges(
    starts: NDArray[np.integer], counts: NDArray[np.integer]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Concatenate the ranges ``starts[i], ..., starts[i] + counts[i] - 1``.

    Args:
        starts: (n,) first value of each range.
        counts: (n,) length of each range, >= 0.

    Returns:
        ``owner`` and ``values``, both (sum of counts,): ``owner[p]`` is the range that position
        p belongs to (ascending), ``values[p]`` the value there.
    """
    counts = counts.astype(np.int64, copy=False)
    owner = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    first_position = np.cumsum(counts) - counts
    values = np.repeat(starts.astype(np.int64, copy=False) - first_position, counts)
    values += np.arange(len(owner), dtype=np.int64)
    return owner, values


def positions_in_groups(owner: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number the members of each group from 0.

    Args:
        owner: (p,) group of each element, ascending.
        counts: (n,) size of each group.

    Returns:
        (p,) position of each element within its group.
    """
    first_position = np.cumsum(counts) - counts
    return np.arange(len(owner), dtype=np.int64) - first_position[owner]
