"""What the evaluations of a run found, and whether it still gets better."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastreid.utils import comm

from mdpr.engine.results import SCORE_NAMES


@dataclass(frozen=True)
class Evaluation:
    """One evaluation."""

    epoch: int  # epochs trained before it
    metrics: dict[str, float]  # of the first test set, in percent; empty where no identities are known


class Evaluations:
    """All evaluations of a run, also those before it was resumed."""

    def __init__(self) -> None:
        self._entries: list[Evaluation] = []

    def add(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Add the newest one; an older one of the same epoch is replaced."""
        self._entries = [entry for entry in self._entries if entry.epoch != epoch]
        self._entries.append(Evaluation(epoch, {name: float(value) for name, value in metrics.items()}))

    @property
    def last(self) -> Evaluation | None:
        """The newest one."""
        return self._entries[-1] if self._entries else None

    def best(self, metric: str, min_delta: float = 0.0) -> Evaluation | None:
        """The first one that no later one beats by more than ``min_delta``."""
        best: Evaluation | None = None
        for entry in self._entries:
            if metric in entry.metrics and (
                best is None or entry.metrics[metric] > best.metrics[metric] + min_delta
            ):
                best = entry
        return best

    def since_best(self, metric: str, min_delta: float = 0.0) -> int:
        """How many evaluations came after the best one; 0 where there is none."""
        best = self.best(metric, min_delta)
        return 0 if best is None else len(self._entries) - 1 - self._entries.index(best)

    def state_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"entries": [{"epoch": e.epoch, "metrics": e.metrics} for e in self._entries]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from `state_dict`."""
        self._entries = [Evaluation(entry["epoch"], dict(entry["metrics"])) for entry in state["entries"]]


def shared_scores(results: Mapping[str, Any], dataset_name: str | None) -> dict[str, float]:
    """The scores of a test set, in every process, since all of them decide by these.

    Args:
        results: what an evaluation returned; only the first process has any.
        dataset_name: whose scores; None where ``results`` are of one set alone.
    """
    metrics = results if dataset_name is None else results.get(dataset_name, {})
    scores = {name: float(value) for name, value in metrics.items() if name in SCORE_NAMES}
    return comm.all_gather(scores)[0]
