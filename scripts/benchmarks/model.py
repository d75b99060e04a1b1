"""Time and memory of the network: training steps, the deployed form, how both grow, and a cold start.

Every measurement has a process of its own. Peak memory is the highest resident size over that before the
network was built (Linux). The machine should do nothing else meanwhile.

    python scripts/benchmarks/model.py --docs docs     # everything: figures, tables and plot in docs/
    python scripts/benchmarks/model.py --quick         # tries it out, in a minute
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import mdpr  # noqa: F401 -- before fastreid, which it mends

if __name__ == "__main__":  # run as a file, which puts its own folder on the path
    sys.path[0] = str(Path(__file__).resolve().parents[1])

# isort: split
import torch
from mdpr.host import cpu_computes_in_bfloat16

from benchmarks import measuring
from benchmarks.forms import (
    ACCELERATED,
    EVAL_FORMS,
    ONE_KERNEL,
    PLAIN,
    TRAIN_FORMS,
    Network,
    eval_form,
    runs_plainly,
    train_form,
)
from benchmarks.loading import images_per_second
from benchmarks.measuring import Case, Row
from benchmarks.model_tables import PAGE
from benchmarks.pages import Results, argument_parser, run

BASE = str(Path(__file__).resolve().parents[2] / "configs/Base-MDPR.yml")
MAKE = {"eval": eval_form, "train": train_form}
SMALL, SMALLEST = (Network("18x", False, (64, 32), batch, width=64) for batch in (4, 1))
SIZES = ((256, 128), (320, 160), (384, 192))
GROWN = {
    "batch": [Network("50x", False, SIZES[0], batch) for batch in (1, 4, 16, 64)],
    "pixels": [Network("50x", False, size, 16) for size in SIZES],
    "depth": [Network(f"{depth}x", False, SIZES[0], 16) for depth in (18, 34, 50, 101)],
}
IMPORTS = (
    "import time; a = time.perf_counter(); import torch; b = time.perf_counter(); "
    "import mdpr; print(b - a, time.perf_counter() - b)"
)


def measure_products(dtype: str, sizes: Sequence[int], budget: float) -> list[Row]:
    """The best rate of a square matrix product on all threads; ``budget`` seconds for each size."""
    rates = []
    for size in sizes:
        left, right = torch.randn(2, size, size).to(getattr(torch, dtype))
        seconds = measuring.seconds_per_call(lambda a=left, b=right: a @ b, budget)  # type: ignore[misc]
        rates.append(2 * size**3 / seconds)
    return [{"flops_per_second": max(rates)}]


def measure_cost(kind: str, form: str, network: Network, budget: float) -> list[Row]:
    """Time and operations of features ("eval") or of a training step ("train")."""
    step, model = MAKE[kind](form, network, BASE)
    seconds = measuring.seconds_per_call(step, budget)
    if form.startswith("compiled"):  # hides its operations, which are those of the deployed form
        step, _ = eval_form(form.replace("compiled", "deploy"), network, BASE)
    row = {
        "seconds": seconds,
        "ms_per_image": 1000 * seconds / network.batch,
        "images_per_second": network.batch / seconds,
        "gigaflops": measuring.gigaflops(step),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }
    return [row]


def measure_peak(kind: str, form: str, network: Network) -> list[Row]:
    """Memory of the second call, which in training has the optimizer's state."""
    before = measuring.megabytes("VmRSS")
    step, _ = MAKE[kind](form, network, BASE)
    step()
    measuring.forget_peak()
    step()
    peak = measuring.megabytes("VmHWM")
    return [{"peak_megabytes": None if peak is None or before is None else peak - before}]


def measure_first_image(form: str, network: Network) -> list[Row]:
    """The first call of a network that is loaded."""
    first, _ = eval_form(form, network, BASE)
    start = time.perf_counter()
    first()
    return [{"seconds": time.perf_counter() - start}]


def measure_loader(network: Network, budget: float) -> list[Row]:
    """Images a second out of one loader process."""
    rate = images_per_second(network, BASE, budget)
    return [{"images_per_second": rate, "seconds": 1 / rate}]


def cases(quick: bool) -> Iterator[Case]:
    """What this machine can measure, in order.

    Args:
        quick: small networks and images, seconds in all; the numbers mean nothing.
    """
    for case in _quick_cases() if quick else _all_cases():
        half = "bf16" in case.names["form"] or case.names.get("dtype") == "bfloat16"
        if cpu_computes_in_bfloat16() or not half:
            yield case


def _quick_cases() -> Iterator[Case]:
    yield from _products((1024,), 0)
    for form in (PLAIN, "deploy", "deploy bf16"):
        yield from _costs("eval", form, SMALL, 0)
    for form in (PLAIN, "fp32 recompute"):
        yield from _costs("train", form, SMALL, 0)
    yield from _growth({"batch": [SMALLEST, SMALL]}, (PLAIN,), 0)
    yield from _loading_and_start(SMALLEST, 0)


def _all_cases() -> Iterator[Case]:
    yield from _products((1024, 2048, 4096), 2)
    for form in EVAL_FORMS:
        yield from _costs("eval", form, Network("101x", True, (384, 192), 16), 8)
    for form in (*EVAL_FORMS, *ONE_KERNEL):
        yield from _costs("eval", form, Network("50x", False, (384, 192), 16), 8)
    for form in (*TRAIN_FORMS, *ONE_KERNEL):
        yield from _costs("train", form, Network("50x", False, (256, 128), 8), 10)
    yield from _growth(GROWN, (PLAIN, "deploy", "deploy bf16"), 2)
    yield from _loading_and_start(Network("101x", True, (384, 192), 1), 5)


def _products(sizes: Sequence[int], budget: float) -> Iterator[Case]:
    for dtype in ("float32", "bfloat16"):
        names = {"table": "peak", "form": "", "network": None, "dtype": dtype, "name": ""}
        yield Case(names, measure_products, (dtype, sizes, budget))


def _costs(kind: str, form: str, network: Network, budget: float) -> Iterator[Case]:
    """Time; and memory, but where compiling would be what takes it."""
    names, environment = _names(kind, form, network), _environment(form)
    yield Case(names, measure_cost, (kind, form, network, budget), environment)
    if not form.startswith("compiled"):
        environment["MALLOC_MMAP_THRESHOLD_"] = "65536"  # what is freed goes back to the system
        yield Case(names, measure_peak, (kind, form, network), environment, continues=True)


def _growth(grown: dict[str, list[Network]], forms: Sequence[str], budget: float) -> Iterator[Case]:
    """One thing grows at a time."""
    for axis, networks in grown.items():
        for network in networks:
            for form in forms:
                names, arguments = _names(f"growth: {axis}", form, network), ("eval", form, network)
                yield Case(names, measure_cost, (*arguments, budget), _environment(form))


def _loading_and_start(network: Network, budget: float) -> Iterator[Case]:
    yield Case(_names("loader", "files", network), measure_loader, (network, budget))
    for form in (ACCELERATED, "deploy"):
        yield Case(_names("first image", form, network), measure_first_image, (form, network))


def _names(table: str, form: str, network: Network) -> Row:
    return {"table": table, "form": form, "network": asdict(network), "name": network.name}


def _environment(form: str) -> dict[str, str]:
    return {"THP_MEM_ALLOC_ENABLE": "0"} if runs_plainly(form) else {}


def measure(arguments: argparse.Namespace) -> Results:
    """Machine, whether it was a trial run, seconds of the imports, and all rows."""
    machine = measuring.describe_machine()
    if not cpu_computes_in_bfloat16():
        machine["bfloat16"] = "left out: this CPU has no instructions for it and would emulate it"
    process = subprocess.run([sys.executable, "-c", IMPORTS], stdout=-1, text=True, check=True)
    imports: list[Any] = [float(seconds) for seconds in process.stdout.split()[-2:]]
    return {
        "machine": machine,
        "quick": arguments.quick,
        "import": dict(zip(("torch", "mdpr"), imports, strict=True)),
        "rows": measuring.measure_all(cases(arguments.quick), quick=arguments.quick),
    }


def main(argv: Sequence[str] | None = None) -> int:
    return run(PAGE, argument_parser(__doc__, PAGE).parse_args(argv), measure)


if __name__ == "__main__":
    sys.exit(main())
