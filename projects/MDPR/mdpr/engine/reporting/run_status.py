"""How far a run is, from the files in its folder alone, whether it runs, is done, or broke off."""

import datetime
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml
from tabulate import tabulate

from mdpr.engine.results import SCORE_NAMES
from mdpr.errors import InputError

Line = Mapping[str, Any]  # of metrics.json
Rows = list[tuple[str, str]]

_FINISHED: Final = "finished"
_END_OF_LOG: Final = 4096  # bytes to look for its last line in


def run_status(folder: str | Path) -> str:
    """Epoch, time left, speed, losses and scores of a run, and when it last wrote.

    Args:
        folder: the run's ``OUTPUT_DIR``. Nothing in it is changed.

    Returns:
        A table of several lines.

    Raises:
        InputError: there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: expected the OUTPUT_DIR of a run")
    lines = read_metrics(folder / "metrics.json")
    state = _state(folder, lines)
    rows = [("run", str(folder)), ("state", state)]
    if lines:
        last_epoch = _setting(folder, "SOLVER", "MAX_EPOCH")
        reranked = _setting(folder, "TEST", "RERANK", "ENABLED") is True
        rows += [*_progress(lines[-1], last_epoch), *_scores(lines, ", re-ranked" * reranked)]
    if state != _FINISHED:
        rows.append(("log ends with", _end_of_log(folder / "log.txt")))
    return tabulate(rows, tablefmt="plain", disable_numparse=True)


def read_metrics(path: Path) -> list[Line]:
    """The lines of a ``metrics.json`` that may be being written; what is no whole line is left out."""
    lines: list[Line] = []
    for text in path.read_bytes().splitlines() if path.is_file() else ():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict) and isinstance(line.get("iteration"), int):
            lines.append(line)
    return lines


def _state(folder: Path, lines: Sequence[Line]) -> str:
    curves, log, final = (_written(folder / name) for name in ("metrics.json", "log.txt", "model_final.pth"))
    if not lines and not log:
        return "not started: there is no log, and no line in metrics.json"
    if final > curves:
        return _FINISHED
    state = f"not finished; last wrote {_duration(time.time() - max(curves, log))} ago"
    if len(lines) > 1 and "time" in lines[-1]:
        steps = lines[-1]["iteration"] - lines[-2]["iteration"]
        state += f", and writes curves about every {_duration(steps * lines[-1]['time'])}"
    return state


def _progress(line: Line, last_epoch: Any) -> Rows:
    groups = "  ".join(
        f"{key.removeprefix('loss_group/')} {value:.3g}"
        for key, value in line.items()
        if key.startswith("loss_group/")
    )
    shown: dict[str, tuple[str, Callable[[Any], str]]] = {
        "epoch": ("epochs", lambda value: f"{value:.2f} of {last_epoch}"),
        "iteration": ("steps", lambda value: str(value + 1)),
        "eta_seconds": ("time left", lambda value: f"{_duration(value)}, without evaluations"),
        "images_per_second": ("speed", lambda value: f"{value:.1f} images/s"),
        "data_wait_share": ("data wait", lambda value: f"{100 * value:.0f} %"),
        "total_loss": ("loss", lambda value: f"{value:.3f}" + (f" ({groups})" if groups else "")),
        "lr": ("learning rate", lambda value: f"{value:.2e}"),
    }
    return [(title, text(line[key])) for key, (title, text) in shown.items() if key in line]


def _scores(lines: Sequence[Line], kind: str) -> Rows:
    """The last scores of each test set, and its best mAP; of re-ranking where that is on, as in curves."""
    rows = []
    for mean in sorted({key for line in lines for key in line if key.endswith("mAP")}):
        prefix = mean.removesuffix("mAP")
        evaluated = [line for line in lines if mean in line]
        last, best = evaluated[-1], max(evaluated, key=lambda line: line[mean])
        scores = [f"{name} {last[prefix + name]:.2f} %" for name in SCORE_NAMES if prefix + name in last]
        rows.append((f"{prefix}last scores{kind}", f"{', '.join(scores)} (step {last['iteration'] + 1})"))
        rows.append((f"{prefix}best mAP{kind}", f"{best[mean]:.2f} % (step {best['iteration'] + 1})"))
    return rows


def _setting(folder: Path, *keys: str) -> Any:
    """A value of the run's config; "?" where there is none to be read."""
    try:
        value = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
        for key in keys:
            value = value[key]
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        return "?"
    return value


def _end_of_log(path: Path) -> str:
    try:
        lines = path.read_bytes()[-_END_OF_LOG:].decode(errors="replace").splitlines()
    except OSError:
        return "(there is no log.txt)"
    last = next((line for line in reversed(lines) if line.strip()), "(it is empty)")
    return "".join(character for character in last if character.isprintable())


def _written(path: Path) -> float:
    """When, as a time stamp; 0 for a file that is not there."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _duration(seconds: float) -> str:
    return str(datetime.timedelta(seconds=max(0, round(seconds))))
