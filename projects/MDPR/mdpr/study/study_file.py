"""The file of a study: its keys, its rows, and what is wrong with them in one line."""

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from mdpr.errors import ConfigError
from mdpr.study.plan import TRAIN, Run, Study, known

_KEYS: Final = (
    *("name", "rows", "seeds", "data_sets", "options", "reference"),
    *("output", "program", "checkpoints"),
)
_ROW_KEYS: Final = ("config", "options", "weights")
CHECKPOINTS: Final = ("all", "final", "none")
_FOLDER_NAME: Final = re.compile(r"[\w+][\w+=., -]*(?<! )")


def read_study(
    file: str | Path,
    *,
    output: str | Path | None = None,
    options: Sequence[str] = (),
    reference: str | None = None,
) -> Study:
    """Read a study file. Paths of configs start at its folder, ``output`` where this process is.

    Args:
        file: its path.
        output: folder of the runs; None takes that of the file.
        options: ``KEY VALUE ...`` of all rows, behind those of the file.
        reference: the row that the others are held against; None takes that of the file.

    Raises:
        ConfigError: the file, or a config it names, is not there, or does not say what it has to.
    """
    path = Path(file)
    content = _read(path)
    for key in content:
        known(key, _KEYS, f"{path}: a study has no key")
    rows, seeds = content.get("rows"), content.get("seeds", [0])
    if not isinstance(rows, dict) or not rows or not all(isinstance(row, dict) for row in rows.values()):
        raise ConfigError(f"{path}: rows is {rows!r}: expected at least one name with a config")
    if not isinstance(seeds, list) or not seeds or not all(type(seed) is int for seed in seeds):
        raise ConfigError(f"{path}: seeds is {seeds!r}: expected whole numbers, such as [0, 1, 2]")
    name, reference = str(content.get("name", path.stem)), reference or content.get("reference")
    output = Path(str(content.get("output", f"logs/{name}")) if output is None else output)
    if reference is not None:
        known(reference, rows, f"{path}: reference: there is no row")
    checkpoints, program = content.get("checkpoints", "all"), content.get("program")
    known(checkpoints, CHECKPOINTS, f"{path}: checkpoints cannot be")
    command = TRAIN if program is None else (sys.executable, str((path.parent / str(program)).resolve()))
    last = _options(list(options), "--options")
    shared = _options(content.get("options"), f"{path}: options")
    runs: list[Run] = []
    for seed in seeds:
        for data_set in content.get("data_sets") or [""]:
            runs += _runs(path, rows, str(data_set), seed, output, before=shared, behind=last)
    if len({run.folder for run in runs}) < len(runs):
        raise ConfigError(f"{path}: a seed or a data set is named twice")
    if checkpoints == "none" and any(run.weights for run in runs):
        raise ConfigError(
            f"{path}: checkpoints is none, and rows have weights of others: expected final or all"
        )
    return Study(name, path, output, tuple(runs), reference, command, str(checkpoints))


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"no study at {path.absolute()}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path} is {type(content).__name__}: expected keys such as rows and seeds")
    return content


def _row(path: Path, name: str, values: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Config and options of a row."""
    if not _FOLDER_NAME.fullmatch(name):
        raise ConfigError(
            f"{path}: row {name!r} names a folder: expected letters, digits, spaces and + - _ = , ."
        )
    for key in values:
        known(key, _ROW_KEYS, f"{path}: row {name!r} has no key")
    config = path.parent / str(values.get("config", ""))
    if not config.is_file():
        raise ConfigError(f"{path}: config of row {name!r}: no file at {config.absolute()}")
    return str(config), _options(values.get("options"), f"{path}: options of row {name!r}")


def _runs(
    path: Path,
    rows: Mapping[Any, dict[str, Any]],
    data_set: str,
    seed: int,
    output: Path,
    *,
    before: Sequence[str],
    behind: Sequence[str],
) -> Iterable[Run]:
    """Those of all rows, with options before and behind a row's own."""
    on = {f"DATASETS.{key}": f"('{data_set}',)" for key in ("NAMES", "TESTS") if data_set}
    runs: dict[str, Run] = {}
    for row, values in rows.items():
        name = str(row)
        config, own = _row(path, name, values)
        given = (*before, *own, *(part for pair in on.items() for part in pair), *behind)
        folder = output.joinpath(name, data_set, f"seed{seed}")
        weights = _trained(path, name, values.get("weights"), runs)
        runs[name] = Run(name, data_set, seed, folder, config, given, weights)
    return runs.values()


def _trained(path: Path, row: str, name: Any, before: Mapping[str, Run]) -> Run | None:
    """The run whose weights a row has, out of those of the rows before it."""
    if name is None:
        return None
    known(
        name,
        [key for key, run in before.items() if run.weights is None],
        f"{path}: weights of row {row!r}: no row before it trains under the name",
    )
    return before[str(name)]


def _options(options: Any, where: str) -> tuple[str, ...]:
    """``KEY VALUE ...`` for a command line, from a list, or keys and values."""
    if isinstance(options, dict):
        options = [part for pair in options.items() for part in pair]
    if not isinstance(options or [], list) or len(options or []) % 2:
        raise ConfigError(f"{where} is {options!r}: expected KEY, VALUE, KEY, VALUE, ...")
    return tuple(part if isinstance(part, str) else repr(part) for part in options or [])
