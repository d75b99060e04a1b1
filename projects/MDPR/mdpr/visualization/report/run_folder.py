"""What a run left in its folder."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from mdpr.engine.config_file import leaves
from mdpr.engine.results import SCORE_NAMES
from mdpr.errors import EvaluationError
from mdpr.evaluation.saved_files.rankings import SavedRankings, load_rankings

# What the log says, and what it says it in; of several lines the last counts.
_LOGGED: Final = {
    "training time": r"Total training time: (\S+)",
    "speed": r"^speed +(.+)$",
    "peak memory": r"^peak memory +(.+)$",
    "config": r"INFO: Config: ([^,\n]+)",
    "command": r"DEBUG: Command line: (.+)$",
    "processes": r"DEBUG: Process \d+ of (\d+)",
    "versions": r"DEBUG: (Python .+)$",
}


@dataclass(frozen=True, eq=False)
class RunFolder:
    """A run.

    Attributes:
        path: its folder.
        scores: by data set (with ``+rerank`` behind its name where re-ranked), the metrics in percent.
        facts: further entries of ``results.json``.
        settings: its config, by full key; empty where there is none.
        rankings: by data set, likewise.
        logged: what its log says of it, by name.
    """

    path: Path
    scores: Mapping[str, Mapping[str, float]]
    facts: Mapping[str, Any]
    settings: Mapping[str, Any]
    rankings: Mapping[str, SavedRankings]
    logged: Mapping[str, str]

    @property
    def data_sets(self) -> list[str]:
        """Names of the data sets that it trained and was tested on."""
        names = [*self.settings.get("DATASETS.NAMES", ()), *self.settings.get("DATASETS.TESTS", ())]
        return list(dict.fromkeys(names))


def read_run(folder: str | Path) -> RunFolder:
    """Read a run's folder.

    Raises:
        EvaluationError: it is not that of a run.
        OSError, TypeError, ValueError: a file that cannot be read.
    """
    folder = Path(folder)
    config, results, log = (folder / name for name in ("config.yaml", "results.json", "log.txt"))
    files = {file.stem.removesuffix("_rankings"): file for file in folder.glob("*_rankings.npz")}
    rankings = {name: load_rankings(files[name]) for name in sorted(files)}
    if not (config.is_file() or results.is_file() or rankings):
        raise EvaluationError(
            f"{folder} is not the folder of a run: it has no config.yaml, results.json or *_rankings.npz"
        )
    found = json.loads(results.read_text(encoding="utf-8")) if results.is_file() else {}
    scores = {name: entry for name, entry in found.items() if _is_scores(entry)}
    return RunFolder(
        path=folder,
        scores=scores,
        facts={name: entry for name, entry in found.items() if name not in scores},
        settings=dict(leaves(yaml.safe_load(config.read_text(encoding="utf-8")))) if config.is_file() else {},
        rankings=rankings,
        logged=_logged(log.read_text(encoding="utf-8", errors="replace")) if log.is_file() else {},
    )


def _is_scores(entry: Any) -> bool:
    return isinstance(entry, dict) and any(name in entry for name in SCORE_NAMES)


def _logged(text: str) -> dict[str, str]:
    found = {name: re.findall(pattern, text, re.MULTILINE) for name, pattern in _LOGGED.items()}
    return {name: lines[-1].strip() for name, lines in found.items() if lines}
