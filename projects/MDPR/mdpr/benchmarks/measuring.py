"""Time and peak memory of named stages, and the machine they were measured on."""

import contextlib
import logging
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from mdpr.host import usable_cores

__all__ = ["Bench", "Measurement", "describe_machine"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Measurement:
    """One stage on one problem.

    Attributes:
        problem: name of the problem.
        dimension: feature dimension D.
        stage: name of the stage.
        seconds: wall-clock time.
        peak_megabytes: highest resident size (MiB) during the stage over that before it; None where
            the system does not tell.
        process_megabytes: highest resident size of the whole process (MiB) during the stage, with
            libraries and input.
        value: a figure that the stage computed, such as an mAP in percent; None for none.
    """

    problem: str
    dimension: int
    stage: str
    seconds: float
    peak_megabytes: float | None
    process_megabytes: float | None
    value: float | None = None


class Bench:
    """Runs stages one after the other and keeps what they took.

    Attributes:
        measurements: of the stages run so far, in order.
    """

    def __init__(self) -> None:
        self.measurements: list[Measurement] = []

    def stage(
        self,
        problem: str,
        dimension: int,
        name: str,
        run: Callable[[], Any],
        value_of: Callable[[Any], float] | None = None,
    ) -> Any:
        """Run one stage.

        Args:
            problem, dimension, name: see `Measurement`.
            run: the stage.
            value_of: takes a figure from what it returned.

        Returns:
            What ``run`` returned.
        """
        _reset_peak_memory()
        before = _memory("VmRSS")
        start = time.perf_counter()
        result = run()
        seconds = time.perf_counter() - start
        peak = _memory("VmHWM")
        measurement = Measurement(
            problem=problem,
            dimension=dimension,
            stage=name,
            seconds=round(seconds, 3),
            peak_megabytes=None if peak is None or before is None else _megabytes(peak - before),
            process_megabytes=None if peak is None else _megabytes(peak),
            value=None if value_of is None else value_of(result),
        )
        self.measurements.append(measurement)
        logger.info("%s, %d-d, %s: %.2f s", problem, dimension, name, seconds)
        return result


def describe_machine() -> dict[str, str]:
    """Name what decides how fast things are: processor, cores, memory, system and libraries."""
    versions = ", ".join(
        f"{name} {version(name)}" for name in ("torch", "numpy", "scipy", "fastreid")
    )
    return {
        "processor": _first_line_with("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": f"{usable_cores()}, {torch.get_num_threads()} used",
        "memory": _total_memory(),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "libraries": versions,
    }


def _total_memory() -> str:
    line = _first_line_with("/proc/meminfo", "MemTotal")
    return f"{int(line.split()[0]) / 2**20:.0f} GiB" if line else "unknown"


def _first_line_with(file: str, key: str) -> str | None:
    """Read what stands behind ``key:`` in a file of the system; None where there is no such file."""
    with contextlib.suppress(OSError):
        for line in Path(file).read_text().splitlines():
            if line.startswith(key):
                return line.partition(":")[2].strip()
    return None


def _megabytes(num_bytes: int) -> float:
    return round(num_bytes / 2**20, 1)


def _reset_peak_memory() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _memory(field: str) -> int | None:
    """Read the process's memory in bytes."""
    line = _first_line_with("/proc/self/status", field)
    return None if line is None else int(line.split()[0]) * 1024
