"""Large tensors in huge pages.

A training step allocates and frees gigabytes, and a page of 4 KiB costs a fault on its first use: making a
150 MB gradient on a CPU takes twice as long in them as in pages of 2 MiB.
"""

import os

__all__ = ["ask_for_huge_pages"]


def ask_for_huge_pages() -> None:
    """Let PyTorch ask Linux for huge pages, unless the environment says otherwise.

    PyTorch reads ``THP_MEM_ALLOC_ENABLE`` at its first allocation and passes each large tensor to
    ``madvise``; processes started from this one do so too. Elsewhere than on Linux nothing changes.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
