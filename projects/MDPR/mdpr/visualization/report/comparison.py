"""Rankings of the same queries side by side: who is better, by how much, and is that more than chance?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mdpr.evaluation.paired import PairedDifference, paired_difference
from mdpr.evaluation.saved_files.rankings import SavedRankings
from mdpr.visualization.rank_lists import differing_labels
from mdpr.visualization.report.run_folder import RunFolder

_WHAT: Final = {
    "query_person": "persons of the queries",
    "query_camera": "cameras of the queries",
    "gallery_person": "persons of the gallery",
    "gallery_camera": "cameras of the gallery",
}


@dataclass(frozen=True, eq=False)
class RankedSet:
    """Rankings of the queries of one data set by name, all of the same images; the first is the reference."""

    name: str
    rankings: dict[str, SavedRankings]

    @property
    def first(self) -> SavedRankings:
        """The ranking that the others are held against."""
        return next(iter(self.rankings.values()))


@dataclass(frozen=True, eq=False)
class Comparison:
    """A ranking held against the first of its set.

    Attributes:
        first, second: names of the two.
        metrics: differences, second less first in points of percent, by metric.
        change: (n,) of each query's average precision, likewise, without queries that do not count.
    """

    first: str
    second: str
    metrics: dict[str, PairedDifference]
    change: NDArray[np.float64]


def ranked_sets(runs: Mapping[str, RunFolder]) -> tuple[list[RankedSet], list[str]]:
    """Put the rankings of runs together, those of one data set with re-ranking and without, of all runs.

    Returns:
        The sets, and a line for each ranking that is of other images than the first of its data set.
    """
    found: dict[str, dict[str, SavedRankings]] = {}
    notices = []
    for run, folder in runs.items():
        for stem, rankings in folder.rankings.items():
            data_set, _, kind = stem.partition("+")
            mine = found.setdefault(data_set, {})
            name = stem if len(runs) == 1 else f"{run}{' + ' if kind else ''}{kind}"
            differs = differing_labels(next(iter(mine.values())), rankings) if mine else None
            if differs is None:
                mine[name] = rankings
            else:
                first = next(iter(mine))
                notices.append(
                    f"{data_set}: the {_WHAT[differs]} of {name} are not those of {first}, so that "
                    "its queries are not compared and not shown here; a report of its own shows them."
                )
    return [RankedSet(name, rankings) for name, rankings in found.items()], notices


def comparisons(ranked: RankedSet) -> list[Comparison]:
    """Every ranking of a set against the first; none where no query counts."""
    (name, first), *others = ranked.rankings.items()
    if not (first.num_matches > 0).any():
        return []
    return [_compared(name, first, other, second) for other, second in others]


def _compared(name: str, first: SavedRankings, other: str, second: SavedRankings) -> Comparison:
    pairs = list(zip(_metrics(first).items(), _metrics(second).values(), strict=True))
    change = 100 * (second.average_precision - first.average_precision)
    return Comparison(
        name,
        other,
        {metric: paired_difference(a, b, first.query_person) for (metric, a), b in pairs},
        change[~np.isnan(change)],
    )


def _metrics(rankings: SavedRankings) -> dict[str, NDArray[Any]]:
    """Values of each query whose means are the metrics, in percent; NaN where it does not count."""
    counts = rankings.num_matches > 0
    return {
        "mAP": 100 * rankings.average_precision,
        "Rank-1": np.where(counts, 100.0 * (rankings.first_match_rank == 0), np.nan),
        "mINP": 100 * rankings.inverse_negative_penalty,
    }
