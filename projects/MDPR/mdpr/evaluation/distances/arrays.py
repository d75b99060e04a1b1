"""What NumPy lacks: rows of unequal length without a loop, and blocks of work shared among the cores."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray


def for_each(work: Callable[[int], None], starts: Iterable[int]) -> None:
    """Call ``work(start)`` for every block, on as many threads as PyTorch uses.

    NumPy lets go of the interpreter while it gathers, compares and adds, so threads suffice. Each block
    writes to places of its own, so their number and order change no result.

    Args:
        work: does one block; it must not call PyTorch, which has threads of its own.
        starts: what tells the blocks apart, such as their first rows.
    """
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        for _ in pool.map(work, starts):
            pass  # what a block raises is raised here


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
    owner = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    values = positions_in_groups(owner, counts)
    values += starts[owner]
    return owner, values


def positions_in_groups(owner: NDArray[np.int64], counts: NDArray[np.integer]) -> NDArray[np.int64]:
    """Number the members of each group from 0, (p,).

    Args:
        owner: (p,) group of each element, ascending.
        counts: (n,) size of each group.
    """
    first_position = np.cumsum(counts) - counts
    return np.arange(len(owner), dtype=np.int64) - first_position[owner]
