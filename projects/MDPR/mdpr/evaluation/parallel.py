"""Blocks of NumPy work shared among the cores.

NumPy lets go of the interpreter while it gathers, compares and adds, so threads suffice. Each block
writes to places of its own, so their number and order change no result.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import torch

__all__ = ["for_each"]


def for_each(work: Callable[[int], None], starts: Iterable[int]) -> None:
    """Call ``work(start)`` for every block, on as many threads as PyTorch uses.

    Args:
        work: does one block; it must not call PyTorch, which has threads of its own.
        starts: what tells the blocks apart, such as their first rows.
    """
    num_threads = torch.get_num_threads()
    if num_threads == 1:
        for start in starts:
            work(start)
        return
    with ThreadPoolExecutor(num_threads) as pool:
        for _ in pool.map(work, starts):
            pass  # what a block raises is raised here
