"""Studies in a folder: their files, and runs that seem finished."""

import json
import time
from pathlib import Path

import numpy as np
import yaml
from mdpr.evaluation.ranking.labels import RetrievalLabels
from mdpr.evaluation.ranking.scores import RankingResult
from mdpr.evaluation.saved_files.rankings import SavedRankings, save_rankings
from mdpr.study import Study, read_study
from mdpr.study.record import Attempt, Record, write_record

STUB = Path(__file__).with_name("study_stub.py")
FINGERPRINT = {
    "code": {"hash": "c0de", "commit": None},
    "data": {"Set": "da7a"},
    "versions": {"python": "3.12.1", "torch": "2.11.0"},
    "device": "a GPU",
    "config": "c0f1",
}


def write_study(folder: Path, named: dict, **keys) -> Study:
    """A study in ``folder``; its runs are stubs (support/study_stub.py) unless ``program`` is None."""
    (folder / "own.yml").write_text("SOLVER:\n  MAX_EPOCH: 7\n")
    content = {"rows": {name: {"config": "own.yml", **row} for name, row in named.items()}}
    content |= {"output": str(folder / "out"), "program": str(STUB), **keys}
    (folder / "study.yml").write_text(yaml.safe_dump({k: v for k, v in content.items() if v is not None}))
    return read_study(folder / "study.yml")


def finish(study: Study, scores: dict, *, seconds: float = 60.0, at_once: int = 1, **fingerprint) -> None:
    """Make runs finished: ``scores`` has Q average precisions by (row, seed), two queries a person."""
    for run in study.runs:
        if (run.row, run.seed) not in scores:
            continue
        precision = np.asarray(scores[run.row, run.seed], dtype=np.float64)
        run.folder.mkdir(parents=True)
        values = {"mAP": 100 * precision.mean(), "Rank-1": 100 * precision.max(), "mINP": 1.0}
        content = {"Set": values, "fingerprint": {**FINGERPRINT, **fingerprint}}
        (run.folder / "results.json").write_text(json.dumps(content))
        now = time.time()
        attempt = Attempt(now, at_once, "c0de", now + seconds, 0)
        write_record(run.folder, Record(run.settings(), [attempt]))
        save_rankings(run.folder / "Set_rankings.npz", _rankings(precision))


def _rankings(precision: np.ndarray) -> SavedRankings:
    count = len(precision)
    persons = np.arange(count) // 2
    labels = RetrievalLabels(persons, np.zeros(count, np.int64), persons, np.ones(count, np.int64))
    result = RankingResult(
        cmc=np.ones(1),
        average_precision=precision,
        inverse_negative_penalty=precision,
        num_matches=np.ones(count, np.int64),
        first_match_rank=np.zeros(count, np.int64),
        top_columns=np.zeros((count, 1), np.int64),
        top_distances=np.zeros((count, 1)),
    )
    return SavedRankings.of(result, labels, [f"{number}.jpg" for number in range(2 * count)])
