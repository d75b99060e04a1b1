"""A study, and the runs it stands for.

A run is a row (a config with options), with a seed, on a data set where the study names any. Its folder is
``<output>/<row>/<data set>/seed<k>``.
"""

import ast
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mdpr.engine.config_file import option_layer, read_layers
from mdpr.engine.fingerprint import NOT_OF_THE_RESULT
from mdpr.errors import ConfigError, did_you_mean

TRAIN: Final = (sys.executable, "-m", "mdpr", "train")


@dataclass(frozen=True)
class Run:
    """One training, or where ``weights`` is another run, an evaluation of what that one has trained.

    ``config`` is a path, ``options`` are ``KEY VALUE ...``; ``data_set`` may be "".
    """

    row: str
    data_set: str
    seed: int
    folder: Path
    config: str
    options: tuple[str, ...]
    weights: "Run | None" = None

    @property
    def name(self) -> str:
        """``row/data set/seed0``."""
        return "/".join(part for part in (self.row, self.data_set, f"seed{self.seed}") if part)

    def settings(self) -> dict[str, Any]:
        """What the files and options set, by full key, without what changes no result; no machine matters.

        Raises:
            ConfigError: a file that is not there or is not a config.
        """
        layers = [*read_layers(self.config), option_layer(self.options)]
        values = {key: _plain(value) for layer in layers for key, value in layer.values.items()}
        trained = {} if self.weights is None else self.weights.settings()
        return {key: value for key, value in sorted(values.items()) if key not in NOT_OF_THE_RESULT} | {
            f"{key} of its weights": value for key, value in trained.items()
        }


@dataclass(frozen=True)
class Study:
    """What a study file says.

    Attributes:
        name: for titles.
        file: where it was read.
        output: folder of all its runs.
        runs: all of them, in the order in which they are run: seed by seed.
        reference: the row that the others are held against; None for none.
        program: what trains, and what comes before its options.
        checkpoints: which of a finished run's stay: "all", "final" (``model_final.pth``) or "none".
    """

    name: str
    file: Path
    output: Path
    runs: tuple[Run, ...]
    reference: str | None
    program: tuple[str, ...] = TRAIN
    checkpoints: str = "all"

    def one_of_each_row(self, runs: Iterable[Run]) -> dict[tuple[str, str], Run]:
        """A run of each row and data set, whose config stands for all; none where another program trains,
        which may add keys to the configs."""
        return {(run.row, run.data_set): run for run in runs if self.program == TRAIN}

    def pick(self, rows: Sequence[str] = (), seeds: Sequence[int] = ()) -> list[Run]:
        """The runs of some rows and seeds; of all where none are named.

        Raises:
            ConfigError: a row or a seed that the study does not have.
        """
        for row in rows:
            known(row, {run.row for run in self.runs}, f"{self.file}: rows has no")
        for seed in seeds:
            known(seed, {run.seed for run in self.runs}, f"{self.file}: seeds has no")
        return [
            run for run in self.runs if (not rows or run.row in rows) and (not seeds or run.seed in seeds)
        ]


def _plain(value: Any) -> Any:
    """A value of a file or of the command line, as JSON would give it back."""
    if isinstance(value, str):
        try:
            value = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            return value
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def known(value: Any, names: Iterable[Any], what: str) -> None:
    """Refuse what is none of some names, with ``what`` before it in the error.

    Raises:
        ConfigError: naming the value, the names and the nearest of them.
    """
    listed = [str(name) for name in names]
    if str(value) not in listed:
        expected = ", ".join(sorted(listed))
        raise ConfigError(f"{what} {value!r}{did_you_mean(value, listed)}: expected one of {expected}")
