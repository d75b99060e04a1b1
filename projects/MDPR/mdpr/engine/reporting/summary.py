"""The table at the end of a run."""

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tabulate import tabulate

from mdpr.engine.evaluations import Evaluation, Evaluations
from mdpr.engine.reporting.clock import RunClock
from mdpr.engine.reporting.memory import memory_peak
from mdpr.engine.results import SCORE_NAMES

FILES = {
    "best checkpoint": "model_best.pth",
    "last checkpoint": "model_final.pth",
    "results": "results.json",
    "curves": "metrics.json",
    "log": "log.txt",
}


@dataclass(frozen=True)
class RunSummary:
    """Everything one wants to know after a run, of the process that tells it."""

    folder: Path  # OUTPUT_DIR
    clock: RunClock  # times since the run was started or resumed
    evaluations: Evaluations  # of the run, also from before it was resumed
    metric: str  # the one that says which evaluation is best
    epochs: int  # trained
    max_epoch: int  # planned
    images_per_step: int  # over all processes
    skipped: int = 0  # steps left out because something was not finite
    averaged: bool = False  # whether averaged weights were evaluated

    @classmethod
    def of(cls, trainer: Any) -> "RunSummary":
        """Of an `mdpr.engine.trainer.Trainer` that has trained."""
        return cls(
            folder=Path(trainer.cfg.OUTPUT_DIR),
            clock=trainer.clock,
            evaluations=trainer.evaluations,
            metric=trainer.cfg.SOLVER.EARLY_STOPPING.METRIC,
            epochs=trainer.epoch + 1,
            max_epoch=trainer.max_epoch,
            images_per_step=trainer.images_per_step,
            skipped=trainer.step.guard.skipped,
            averaged=trainer.step.averaged is not None,
        )

    def table(self) -> str:
        """The table as text."""
        rows = [*self._scores(), *self._times(), ("peak memory", str(memory_peak()))]
        if self.skipped:
            rows.append(("steps left out", f"{self.skipped} (not finite)"))
        rows += [
            (name, str(self.folder / file)) for name, file in FILES.items() if (self.folder / file).is_file()
        ]
        return tabulate(rows, tablefmt="simple", disable_numparse=True)

    def _scores(self) -> list[tuple[str, str]]:
        last = self.evaluations.last
        best = self.evaluations.best(self.metric)
        rows = [("epochs", f"{self.epochs} of {self.max_epoch}")]
        if best is not None:
            rows.append((f"best {self.metric}", _scores_of(best)))
        if last is not None and last.metrics:
            rows.append(("last evaluation", _scores_of(last)))
        if self.averaged:
            rows.append(("evaluated", "averaged weights (SOLVER.EMA)"))
        return rows

    def _times(self) -> list[tuple[str, str]]:
        split = self.clock.split()
        total = split.pop("total")
        rows = [("time", _duration(total))]
        rows += [
            (f"- {name}", f"{_duration(seconds)} ({100 * seconds / max(total, 1e-9):.0f} %)")
            for name, seconds in split.items()
        ]
        stepping = split["computing"] + split["waiting for data"]
        if self.clock.steps:
            speed = self.images_per_step * self.clock.steps / max(stepping, 1e-9)
            rows.append(("speed", f"{speed:.1f} images/s in {self.clock.steps} steps"))
        return rows


def _scores_of(evaluation: Evaluation) -> str:
    scores = ", ".join(
        f"{name} {evaluation.metrics[name]:.2f} %" for name in SCORE_NAMES if name in evaluation.metrics
    )
    return f"{scores} (epoch {evaluation.epoch})"


def _duration(seconds: float) -> str:
    return str(datetime.timedelta(seconds=round(seconds)))
