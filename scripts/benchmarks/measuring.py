"""Cases, each measured in a process of its own: time, memory, operations; and the machine."""

import contextlib
import logging
import multiprocessing
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from mdpr.host import return_free_memory, usable_cores
from mdpr_doctor.facts import line_of
from torch.utils.flop_counter import FlopCounterMode

logger = logging.getLogger(__name__)

Row = dict[str, Any]
LIBRARIES = ("torch", "numpy", "scipy", "fastreid")


@dataclass(frozen=True)
class Case:
    """What is measured together.

    Attributes:
        names: what its rows are about.
        measure: a function of a module; returns what it measured, a row each.
        arguments: of that function; can be pickled.
        environment: variables that its process is started with.
        continues: whether its rows are further figures of the rows of the case before.
    """

    names: Row
    measure: Callable[..., list[Row]]
    arguments: tuple[Any, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    continues: bool = False


def measure_all(cases: Iterable[Case], *, quick: bool) -> list[Row]:
    """Carry out cases, one after another.

    Args:
        cases: in their order.
        quick: a trial run, whose figures nobody compares: everything in this process, as starting
            processes would take most of the time.

    Returns:
        The names of each case with what was measured.
    """
    rows: list[Row] = []
    for case in cases:
        measured = _call(case) if quick else _call_alone(case)
        logger.info("%s: %s", ", ".join(map(str, filter(None, case.names.values()))), measured)
        if case.continues:
            for row, more in zip(rows[-len(measured) :], measured, strict=True):
                row.update(more)
        else:
            rows += [{**case.names, **row} for row in measured]
    return rows


def _call(case: Case) -> list[Row]:
    torch.manual_seed(0)
    return_free_memory()  # of what was measured before in this process
    return case.measure(*case.arguments)


def _call_alone(case: Case) -> list[Row]:
    context = multiprocessing.get_context("spawn")
    with patch.dict(os.environ, case.environment), ProcessPoolExecutor(1, context) as pool:
        return pool.submit(_call, case).result()


class Stages(list[Row]):
    """Steps of one piece of work, each timed once.

    Of each: its name, seconds, the highest resident memory (MiB) over that before it, and that of the whole
    process, libraries and input included (None but on Linux), and a figure, such as an mAP in percent.
    """

    def run(self, name: str, work: Callable[[], Any], value_of: Callable[[Any], float] | None = None) -> Any:
        """Run one stage and return what it returned; ``value_of`` takes the figure from that."""
        forget_peak()
        before, start = megabytes("VmRSS"), time.perf_counter()
        result = work()
        seconds, peak = time.perf_counter() - start, megabytes("VmHWM")
        row = {
            "stage": name,
            "seconds": round(seconds, 3),
            "peak_megabytes": None if peak is None or before is None else round(peak - before, 1),
            "process_megabytes": None if peak is None else round(peak, 1),
            "value": None if value_of is None else value_of(result),
        }
        self.append(row)
        return result


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


def forget_peak() -> None:
    """Let ``VmHWM`` start anew from the present resident memory."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def megabytes(key: str, file: str = "/proc/self/status") -> float | None:
    """Resident memory of this process, ``VmRSS`` now and ``VmHWM`` at its highest; None but on Linux."""
    line = line_of(file, key)
    return None if line is None else int(line.split()[0]) / 1024


def describe_machine() -> dict[str, str]:
    """Name what decides how fast things are: processor, cores, memory, system and libraries."""
    memory = megabytes("MemTotal", "/proc/meminfo")
    instructions = [torch.backends.cpu.get_cpu_capability()]
    instructions += ["AMX"] if torch.cpu._is_amx_tile_supported() else []
    instructions += ["AVX512-BF16"] if torch.cpu._is_avx512_bf16_supported() else []
    return {
        "processor": line_of("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": f"{usable_cores()}, {torch.get_num_threads()} used",
        "memory": "unknown" if memory is None else f"{memory / 1024:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "libraries": ", ".join(f"{name} {version(name)}" for name in LIBRARIES),
        "instructions": ", ".join(instructions),
    }
