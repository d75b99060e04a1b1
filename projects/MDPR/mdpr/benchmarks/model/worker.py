"""One measurement, in a process of its own, so that no other's memory is counted.

``python -m mdpr.benchmarks.model.worker '{"kind": ..., ...}'`` prints what it measured as JSON.
"""

import json
import sys
import time
from typing import Any

import torch

import mdpr  # noqa: F401 - mends fast-reid
from mdpr.benchmarks.model.forms import Form, Network, eval_form, train_form
from mdpr.benchmarks.model.loading import images_per_second
from mdpr.benchmarks.model.resources import (
    forget_peak,
    gemm_flops_per_second,
    gigaflops,
    memory_megabytes,
    seconds_per_call,
)
from mdpr.host import return_free_memory

__all__ = ["measure"]


def measure(task: dict[str, Any]) -> dict[str, Any]:
    """Carry out one task.

    Args:
        task: ``kind`` is "gemm" (with ``dtype``), or "loader", "time", "memory" or "first image" (with
            ``form``, ``network``, ``base`` and ``trains``); ``budget`` in seconds, where it times.

    Returns:
        The numbers measured, by name.

    Raises:
        ValueError: another kind.
    """
    torch.manual_seed(0)
    if task["kind"] == "gemm":
        return {
            "flops_per_second": gemm_flops_per_second(getattr(torch, task["dtype"]), task["budget"])
        }
    return_free_memory()  # of earlier measurements of a trial run in one process
    before = memory_megabytes("VmRSS")
    network = Network(**{**task["network"], "size": tuple(task["network"]["size"])})
    if task["kind"] == "loader":
        rate = images_per_second(task["form"], network, task["base"], task["budget"])
        return {"images_per_second": rate, "seconds": 1 / rate}
    make = train_form if task["trains"] else eval_form
    form = make(task["form"], network, task["base"])
    if task["kind"] == "memory":
        return _peak(form, before)
    if task["kind"] == "time":
        return _cost(form, network, task)
    if task["kind"] == "first image":
        start = time.perf_counter()
        form.run()
        return {"seconds": time.perf_counter() - start}
    raise ValueError(
        f"kind is {task['kind']!r}: expected gemm, loader, time, memory or first image"
    )


def _peak(form: Form, before: float | None) -> dict[str, Any]:
    """Of the second call, which in training has the optimizer's state."""
    form.run()
    forget_peak()
    form.run()
    peak = memory_megabytes("VmHWM")
    return {"peak_megabytes": None if peak is None or before is None else peak - before}


def _cost(form: Form, network: Network, task: dict[str, Any]) -> dict[str, Any]:
    seconds = seconds_per_call(form.run, task["budget"])
    return {
        "seconds": seconds,
        "ms_per_image": 1000 * seconds / network.batch,
        "images_per_second": network.batch / seconds,
        "gigaflops": gigaflops(form.counted),
        "parameters": sum(parameter.numel() for parameter in form.model.parameters()),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(json.loads(sys.argv[1]))) + "\n")
