"""The CPU cores that this process may use."""

import os

__all__ = ["usable_cores"]


def usable_cores(processes: int = 1) -> int:
    """Cores for each of so many processes, at least one.

    Where the system tells (Linux), cores that this process is kept from, as in a container or by
    ``taskset``, are not counted.

    Args:
        processes: that share the cores.
    """
    allowed = getattr(os, "sched_getaffinity", None)
    cores = len(allowed(0)) if allowed else os.cpu_count() or 1
    return max(1, cores // processes)
