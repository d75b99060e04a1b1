"""Runs a plan, a process for each measurement that counts."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

import mdpr
from mdpr.benchmarks.measuring import describe_machine
from mdpr.benchmarks.model.forms import PLAIN
from mdpr.benchmarks.model.plan import Task
from mdpr.benchmarks.model.worker import measure

__all__ = ["measure_all"]

logger = logging.getLogger(__name__)

_IMPORTS = (
    "import time; a = time.perf_counter(); import torch; b = time.perf_counter(); "
    "import mdpr; print(b - a, time.perf_counter() - b)"
)


def measure_all(tasks: Iterable[Task], base: str, quick: bool) -> dict[str, Any]:
    """Carry out tasks one after another.

    Args:
        tasks: see `mdpr.benchmarks.model.plan`.
        base: path of the config that networks are built from.
        quick: whether the plan is that of a trial run.

    Returns:
        ``machine``, ``quick``, ``import`` (seconds for torch, and for mdpr after it) and ``rows``: each
        task with what was measured.
    """
    imports = [float(part) for part in _python("-c", _IMPORTS).split()]
    logger.info("import torch %.1f s, then mdpr %.1f s", *imports)
    rows: list[dict[str, Any]] = []
    for task in tasks:
        # In a trial run nobody compares the figures, and processes would take most of its time.
        measured = measure({**asdict(task), "base": base}) if quick else _measured(task, base)
        logger.info("%s, %s: %s", task.table, task.label, measured)
        if task.kind == "memory":  # belongs to the row of the time before
            rows[-1] |= measured
        else:
            rows.append({**asdict(task), "name": task.name, **measured})
    return {
        "machine": _machine(),
        "quick": quick,
        "import": dict(zip(("torch", "mdpr"), imports, strict=True)),
        "rows": rows,
    }


def _measured(task: Task, base: str) -> dict[str, Any]:
    environment = {"THP_MEM_ALLOC_ENABLE": "0"} if task.form == PLAIN else {}
    if task.kind == "memory":
        environment["MALLOC_MMAP_THRESHOLD_"] = "65536"  # what is freed goes back to the system
    description = json.dumps({**asdict(task), "base": base})
    return json.loads(_python("-m", "mdpr.benchmarks.model.worker", description, **environment))


def _python(*arguments: str, **environment: str) -> str:
    """The last line that a Python process prints.

    Raises:
        RuntimeError: it failed; the message has what it wrote.
    """
    package = str(Path(mdpr.__file__).parents[1])
    path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    process = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed:\n{process.stderr}")
    return process.stdout.splitlines()[-1]


def _machine() -> dict[str, str]:
    extra = {
        "AMX": torch.cpu._is_amx_tile_supported(),
        "AVX512-BF16": torch.cpu._is_avx512_bf16_supported(),
    }
    instructions = [
        torch.backends.cpu.get_cpu_capability(),
        *(n for n, has in extra.items() if has),
    ]
    return {**describe_machine(), "instructions": ", ".join(instructions)}
