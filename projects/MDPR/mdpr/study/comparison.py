"""From finished runs to the numbers of a table: means over seeds, and differences to the reference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import stdtrit

from mdpr.evaluation.paired import PairedDifference, paired_difference
from mdpr.study.collect import Result, mean_query_scores
from mdpr.study.cost import Cost
from mdpr.study.plan import Study

METRICS: Final = ("mAP", "Rank-1", "mINP")
LEVEL: Final = 0.95  # of all intervals


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation (of a sample; NaN for one value) of ``n`` values."""

    mean: float
    deviation: float
    n: int

    @property
    def half_width(self) -> float:
        """Of the interval of the mean, by Student's t; NaN for one value."""
        if self.n < 2:
            return float("nan")
        return float(stdtrit(self.n - 1, (1 + LEVEL) / 2)) * self.deviation / self.n**0.5


@dataclass(frozen=True)
class Line:
    """A row of the study on one test set.

    Attributes:
        data_set: what it was trained on, where the study names data sets; else "".
        test: test set, with ``+rerank`` behind its name where re-ranked.
        row: its name.
        maps: mAP in percent by seed.
        scores: of each of `METRICS`, over seeds.
        by_seeds: mAP less that of the reference with the same seed; None for the reference, and without one.
        by_queries: the same with the average precision of queries, means over the seeds that both have.
        seconds: wall time over seeds.
        cost: of its network; None where unknown.
    """

    data_set: str
    test: str
    row: str
    maps: dict[int, float]
    scores: dict[str, Spread]
    by_seeds: PairedDifference | None
    by_queries: PairedDifference | None
    seconds: Spread
    cost: Cost | None

    @property
    def title(self) -> str:
        """Of the table that it is in."""
        plain = self.test.partition("+")[0]
        return self.test if self.data_set in ("", plain) else f"{self.test} (trained on {self.data_set})"


def compare(study: Study, results: Sequence[Result], costs: Mapping[tuple[str, str], Cost]) -> list[Line]:
    """Put the numbers of a study together.

    Args:
        study: for its reference, and the order of its rows.
        results: of finished runs.
        costs: by row and data set.

    Returns:
        The lines, table by table.
    """
    tables = list(dict.fromkeys((each.run.data_set, test) for each in results for test in each.scores))
    rows = list(dict.fromkeys(run.row for run in study.runs))
    lines = []
    for data_set, test in tables:
        there = [each for each in results if each.run.data_set == data_set and test in each.scores]
        by_row = {row: {each.run.seed: each for each in there if each.run.row == row} for row in rows}
        reference = by_row.get(study.reference or "", {})
        for row, members in by_row.items():
            if members:
                compared = {} if row == study.reference else reference
                cost = costs.get((row, data_set))
                lines.append(_line(test, row, members, compared, cost))
    return lines


def spread(values: Sequence[float]) -> Spread:
    """Of at least one value."""
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")
    return Spread(float(np.mean(values)), deviation, len(values))


def difference_over_seeds(first: Mapping[int, float], second: Mapping[int, float]) -> PairedDifference | None:
    """Mean of second less first over the seeds that both have, with its interval by Student's t.

    Returns:
        None where they share no seed; without an interval (NaN) where they share one.
    """
    shared = first.keys() & second.keys()
    if not shared:
        return None
    found = spread([second[seed] - first[seed] for seed in sorted(shared)])
    return PairedDifference(found.mean, found.mean - found.half_width, found.mean + found.half_width, found.n)


def _line(
    test: str, row: str, members: dict[int, Result], reference: dict[int, Result], cost: Cost | None
) -> Line:
    maps, others = (
        {seed: each.scores[test]["mAP"] for seed, each in group.items()} for group in (members, reference)
    )
    scores = {
        metric: spread([each.scores[test][metric] for each in members.values()])
        for metric in METRICS
        if all(metric in each.scores[test] for each in members.values())
    }
    by_queries = _over_queries(reference, members, test)
    seconds = spread([each.seconds for each in members.values()])
    by_seeds = difference_over_seeds(others, maps)
    data_set = next(iter(members.values())).run.data_set
    return Line(data_set, test, row, maps, scores, by_seeds, by_queries, seconds, cost)


def _over_queries(first: dict[int, Result], second: dict[int, Result], test: str) -> PairedDifference | None:
    shared = sorted(first.keys() & second.keys())
    before, after = (mean_query_scores([group[seed] for seed in shared], test) for group in (first, second))
    if before is None or after is None or not np.array_equal(before.names, after.names):
        return None
    return paired_difference(
        before.average_precision, after.average_precision, before.identities, level=LEVEL
    )
