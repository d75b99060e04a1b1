"""What is finished, as a table, and what is not. Nothing is run."""

import re
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from mdpr.engine.setup import read_config
from mdpr.study.collect import results_of
from mdpr.study.comparison import compare
from mdpr.study.cost import Cost, cost_of
from mdpr.study.footnotes import footnotes, names_of
from mdpr.study.plan import Run, Study
from mdpr.study.plot import draw
from mdpr.study.record import State, state_of
from mdpr.study.table import comma_separated, latex, markdown

_EPOCH: Final = re.compile(r"epoch (\d+/\d+)")
_LAYOUTS: Final = {"md": markdown, "latex": latex, "csv": comma_separated}


def show_study(study: Study, runs: Sequence[Run], *, form: str = "md", picture: Path | None = None) -> str:
    """Lay out what is finished of some runs, with what must be said of it, and what became of the others.

    Args:
        study: it.
        runs: those that are asked for.
        form: "md", "latex" or "csv"; the last has the table only.
        picture: a file to draw the table to.

    Raises:
        ConfigError: a config that cannot be used.
        InputError: as `mdpr.study.plot.draw`.
    """
    results = results_of(runs)
    lines = compare(study, results, _costs(study, [result.run for result in results]))
    if picture is not None:
        draw(lines, study.name, picture)
    table = _LAYOUTS[form](lines, footnotes(results), study.reference)
    status = _status(runs)
    if form == "csv":
        return table
    comment = "% " if form == "latex" else ""
    return "\n\n".join(filter(None, (table, "\n".join(f"{comment}{line}" for line in status))))


def _costs(study: Study, runs: Sequence[Run]) -> dict[tuple[str, str], Cost]:
    """By row and data set; none where another program knows the configs."""
    one = study.one_of_each_row(runs)
    return {key: cost_of(read_config(run.config, run.options)[0]) for key, run in one.items()}


def _status(runs: Sequence[Run]) -> list[str]:
    by_state: dict[State, list[Run]] = defaultdict(list)
    for run in runs:
        by_state[state_of(run.folder)].append(run)
    lines = [f"Finished: {len(by_state[State.FINISHED])} of {len(runs)} runs."]
    for state in (State.RUNNING, State.CUT_OFF, State.FAILED):
        lines += [f"{state.value.capitalize()}: {run.name}{_progress(run)}" for run in by_state[state]]
    if missing := by_state[State.MISSING]:
        lines.append(f"Missing: {names_of(missing)}")
    return lines


def _progress(run: Run) -> str:
    """How far it is by its log: the last epoch that it names."""
    with suppress(FileNotFoundError):
        found = _EPOCH.findall((run.folder / "log.txt").read_text(encoding="utf-8", errors="replace"))
        return f", epoch {found[-1]}" if found else ""
    return ""
