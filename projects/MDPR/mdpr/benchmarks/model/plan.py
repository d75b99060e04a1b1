"""What is measured: every table's rows, as tasks for workers."""

from collections.abc import Iterator
from dataclasses import dataclass

from mdpr.benchmarks.model.forms import EVAL_FORMS, PLAIN, TRAIN_FORMS, Network
from mdpr.benchmarks.model.loading import LOADER_FORMS

__all__ = ["Task", "plan"]

GROWTH_FORMS = (PLAIN, "deploy", "deploy bf16")


@dataclass(frozen=True)
class Task:
    """One measurement and the table that it belongs to."""

    table: str
    kind: str
    form: str = ""
    network: Network | None = None
    budget: float = 0.0
    dtype: str = ""
    trains: bool = False

    @property
    def name(self) -> str:
        """The network's, as in tables."""
        return self.network.name if self.network else ""

    @property
    def label(self) -> str:
        """For logs."""
        return " ".join(filter(None, (self.name, self.form, self.dtype, self.kind)))


def plan(quick: bool) -> Iterator[Task]:
    """All tasks, in the order in which they run.

    Args:
        quick: small networks and images, seconds in all; the numbers mean nothing.
    """
    for dtype in ("float32", "bfloat16"):
        yield Task("peak", "gemm", dtype=dtype, budget=0 if quick else 2)
    yield from _forms(quick)
    yield from _growth(quick)
    deep = Network("18x", False, (64, 32), 1) if quick else Network("101x", True, (384, 192), 1)
    for form in LOADER_FORMS:
        yield Task("loader", "loader", form, deep, 0 if quick else 5)
    for form in ("accelerated", "deploy"):
        yield Task("first image", "first image", form, deep)


def _forms(quick: bool) -> Iterator[Task]:
    small = Network("18x", False, (64, 32), 4)
    tested = [Network("101x", True, (384, 192), 16), Network("50x", False, (384, 192), 16)]
    for network in [small] if quick else tested:
        for form in (PLAIN, "deploy bf16") if quick else EVAL_FORMS:
            yield from _cost("eval", form, network, 0 if quick else 8)
    for form in (PLAIN, "bf16 recompute") if quick else TRAIN_FORMS:
        network = small if quick else Network("50x", False, (256, 128), 8)
        yield from _cost("train", form, network, 0 if quick else 10)


def _cost(table: str, form: str, network: Network, budget: float) -> Iterator[Task]:
    """Time, and memory but where compiling would be what takes it."""
    trains = table == "train"
    yield Task(table, "time", form, network, budget, trains=trains)
    if not form.startswith("compiled"):
        yield Task(table, "memory", form, network, trains=trains)


def _growth(quick: bool) -> Iterator[Task]:
    """One thing grows at a time, from an R50 at 256 x 128 pixels, 16 images."""
    if quick:
        grown = {"batch": [Network("18x", False, (64, 32), batch) for batch in (1, 2)]}
    else:
        grown = {
            "batch": [Network("50x", False, (256, 128), batch) for batch in (1, 4, 16, 64)],
            "pixels": [
                Network("50x", False, size, 16) for size in ((256, 128), (320, 160), (384, 192))
            ],
            "depth": [Network(f"{depth}x", False, (256, 128), 16) for depth in (18, 34, 50, 101)],
        }
    for axis, networks in grown.items():
        for network in networks:
            for form in (PLAIN,) if quick else GROWTH_FORMS:
                yield Task(f"growth: {axis}", "time", form, network, 0 if quick else 2)
