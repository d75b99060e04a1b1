"""What finished runs say of themselves."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mdpr.engine.results import read_results
from mdpr.evaluation.saved_files.rankings import load_rankings
from mdpr.study.plan import Run
from mdpr.study.record import State, read_record, state_of


@dataclass(frozen=True)
class Result:
    """Of a finished run.

    Attributes:
        run: it.
        scores: metrics in percent by test set, with ``+rerank`` behind its name where re-ranked.
        fingerprint: what they stand on.
        seconds: of all its processes, from start to end.
        at_once: most runs that shared the machine with it, itself among them.
        codes: hashes of the sources that its processes were started with.
    """

    run: Run
    scores: dict[str, dict[str, float]]
    fingerprint: dict[str, Any]
    seconds: float
    at_once: int
    codes: frozenset[str]


@dataclass(frozen=True, eq=False)
class QueryScores:
    """(Q,) average precision in percent of every query, its image and its person."""

    average_precision: NDArray[np.float64]
    names: NDArray[np.str_]
    identities: NDArray[np.int64]


def results_of(runs: Iterable[Run]) -> list[Result]:
    """Read the runs that are finished, and leave out the others."""
    results = []
    for run in runs:
        record = read_record(run.folder)
        if record is None or state_of(run.folder) is not State.FINISHED:
            continue
        scores, fingerprint = read_results(run.folder)
        at_once = max(attempt.at_once for attempt in record.attempts)
        codes = frozenset(attempt.code for attempt in record.attempts)
        results.append(Result(run, scores, fingerprint, record.seconds, at_once, codes))
    return results


def mean_query_scores(results: Sequence[Result], test: str) -> QueryScores | None:
    """Average precision of every query, as its mean over runs that differ in their seed.

    Returns:
        None where a run has saved no rankings, or of other queries than the first one.
    """
    files = [result.run.folder / f"{test}_rankings.npz" for result in results]
    if not files or not all(file.is_file() for file in files):
        return None
    saved = [load_rankings(file) for file in files]
    names = [np.array([Path(path).name for path in each.query_path]) for each in saved]
    if not all(np.array_equal(each, names[0]) for each in names):
        return None
    scores = 100 * np.mean([each.average_precision for each in saved], axis=0)
    return QueryScores(scores, names[0], saved[0].query_person)
