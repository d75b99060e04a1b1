"""The table at the end of a run."""

import datetime
from pathlib import Path
from typing import Any

from tabulate import tabulate

from mdpr.engine.evaluations import Evaluation
from mdpr.engine.reporting.memory import memory_peak
from mdpr.engine.results import SCORE_NAMES

FILES = {
    "best checkpoint": "model_best.pth",
    "last checkpoint": "model_final.pth",
    "results": "results.json",
    "curves": "metrics.json",
    "log": "log.txt",
}


def run_summary(trainer: Any) -> str:
    """Everything one wants to know after a run, of an `mdpr.engine.trainer.Trainer` that has trained."""
    rows = [*_scores(trainer), *_times(trainer), ("peak memory", str(memory_peak()))]
    if skipped := trainer.step.guard.skipped:
        rows.append(("steps left out", f"{skipped} (not finite)"))
    folder = Path(trainer.cfg.OUTPUT_DIR)
    rows += [(name, str(folder / file)) for name, file in FILES.items() if (folder / file).is_file()]
    return tabulate(rows, tablefmt="simple", disable_numparse=True)


def _scores(trainer: Any) -> list[tuple[str, str]]:
    metric, last = trainer.cfg.SOLVER.EARLY_STOPPING.METRIC, trainer.evaluations.last
    best = trainer.evaluations.best(metric)
    rows = [("epochs", f"{trainer.epoch + 1} of {trainer.max_epoch}")]
    if best is not None:
        rows.append((f"best {metric}", _scores_of(best)))
    if last is not None and last.metrics:
        rows.append(("last evaluation", _scores_of(last)))
    if trainer.step.averaged is not None:
        rows.append(("evaluated", "averaged weights (SOLVER.EMA)"))
    return rows


def _times(trainer: Any) -> list[tuple[str, str]]:
    split, steps = trainer.clock.split(), trainer.clock.steps
    total = split.pop("total")
    rows = [("time", _duration(total))]
    rows += [
        (f"- {name}", f"{_duration(seconds)} ({100 * seconds / max(total, 1e-9):.0f} %)")
        for name, seconds in split.items()
    ]
    stepping = split["computing"] + split["waiting for data"]
    if steps:
        speed = trainer.images_per_step * steps / max(stepping, 1e-9)
        rows.append(("speed", f"{speed:.1f} images/s in {steps} steps"))
    return rows


def _scores_of(evaluation: Evaluation) -> str:
    scores = ", ".join(
        f"{name} {evaluation.metrics[name]:.2f} %" for name in SCORE_NAMES if name in evaluation.metrics
    )
    return f"{scores} (epoch {evaluation.epoch})"


def _duration(seconds: float) -> str:
    return str(datetime.timedelta(seconds=round(seconds)))
