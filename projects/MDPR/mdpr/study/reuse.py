"""Runs that are there, and no longer are what the study says: never gone on with, nor counted, unasked."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from mdpr.engine.fingerprint import data_hashes
from mdpr.engine.results import read_results
from mdpr.engine.setup import read_config
from mdpr.errors import ConfigError
from mdpr.study.plan import Run, Study
from mdpr.study.process import set_aside
from mdpr.study.record import read_record, take_lock

_SHOWN: Final = 5


def check_inputs(study: Study, runs: Sequence[Run]) -> dict[tuple[str, str], dict[str, str]]:
    """Read the config of every row, and its data sets, before anything is started; sets are drawn once so.

    Returns:
        Hashes of the data sets by row and data set of the study; nothing where another program adds keys,
        which only that one knows.

    Raises:
        ConfigError: a config that cannot be used; the row is named.
        DatasetError: a data set is missing.
    """
    configs = {}
    for (row, data_set), run in study.one_of_each_row(runs).items():
        try:
            configs[row, data_set] = read_config(run.config, run.options)[0]
        except ConfigError as error:
            raise ConfigError(f"row {row!r}: {error}") from error
    return {key: data_hashes(cfg, strict=True) for key, cfg in configs.items()}


def check_reuse(study: Study, runs: Sequence[Run], *, rerun: bool, report: Callable[[str], object]) -> None:
    """Compare the runs that are there with the study.

    Args:
        study: it.
        runs: those that are asked for.
        rerun: move folders of runs that differ aside, instead of stopping.
        report: is told what was moved.

    Raises:
        ConfigError: a run differs in config or data, and ``rerun`` is False, or it is running; or a config
            that cannot be used.
        DatasetError: a data set is missing.
    """
    data = check_inputs(study, runs)
    changed = {run: _change(run, data.get((run.row, run.data_set), {})) for run in runs}
    changed = {run: change for run, change in changed.items() if change}
    if changed and not rerun:
        lines = [f"{run.name}: {change}" for run, change in list(changed.items())[:_SHOWN]]
        more = f"; and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
        raise ConfigError(
            f"of {len(runs)} runs {len(changed)} are there, and are not what {study.file} says now: "
            f"{'; '.join(lines)}{more}. Give the study another output, or pass --rerun, which moves their "
            "folders aside and runs them anew"
        )
    for run in changed:
        lock = take_lock(run.folder)
        if lock is None:
            raise ConfigError(f"{run.name} is running: stop it before it is run anew")
        report(f"{run.name}: the run before is in {set_aside(run.folder, lock)}")


def _change(run: Run, data: dict[str, str]) -> str:
    """In what a run differs from the study; "" where it is the same, or nothing is there."""
    record = read_record(run.folder)
    if record is None:
        left = (run.folder / "last_checkpoint").exists() or (run.folder / "results.json").exists()
        return f"{run.folder} holds a run that no study has started" if left else ""
    before, now = record.settings, run.settings()
    keys = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
    changes = [f"{key} was {_said(before, key)}, is {_said(now, key)}" for key in keys[:_SHOWN]]
    with suppress(FileNotFoundError):
        of_run = read_results(run.folder)[1].get("data", {})
        changes += [
            f"the images of {name} have changed"
            for name in of_run
            if of_run[name] != data.get(name, of_run[name])
        ]
    return ", ".join(changes)


def _said(settings: dict[str, Any], key: str) -> str:
    return repr(settings[key]) if key in settings else "not set"
