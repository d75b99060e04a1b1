"""Seconds, bytes and operations of a piece of work."""

import contextlib
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

__all__ = [
    "forget_peak",
    "gemm_flops_per_second",
    "gigaflops",
    "memory_megabytes",
    "seconds_per_call",
]

GEMM_SIZES = (1024, 2048, 4096)


def seconds_per_call(run: Callable[[], Any], budget: float, *, least: int = 3) -> float:
    """Median time of a call, after one that is not counted.

    Args:
        run: what is timed.
        budget: seconds after which no further call is started.
        least: calls that are made in any case.
    """
    run()
    times: list[float] = []
    while len(times) < least or sum(times) < budget:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def gigaflops(run: Callable[[], Any]) -> float:
    """Billions of floating-point operations of a call's convolutions and products (2 x MAC)."""
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops() / 1e9


def gemm_flops_per_second(dtype: torch.dtype, budget: float) -> float:
    """The best rate of a square matrix product on all threads that PyTorch uses.

    Args:
        dtype: of both factors.
        budget: seconds for each size.
    """
    rates = []
    for size in GEMM_SIZES:
        left, right = torch.randn(2, size, size).to(dtype)
        seconds = seconds_per_call(lambda a=left, b=right: a @ b, budget)  # type: ignore[misc]
        rates.append(2 * size**3 / seconds)
    return max(rates)


def forget_peak() -> None:
    """Let ``VmHWM`` start anew from the present resident memory."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def memory_megabytes(field: str) -> float | None:
    """Resident memory of this process: ``VmRSS`` now, ``VmHWM`` at its highest; None but on Linux."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(field)).split()[1]) / 1024
    return None
