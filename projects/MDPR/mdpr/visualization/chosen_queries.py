"""Which queries are worth a look: the best, the worst, those between, and some by chance."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Group:
    """Some of the queries, named for what they are.

    Attributes:
        title: such as "Worst queries".
        why: how they were chosen, for a reader who has not read this.
        queries: (n,) int64 indices, in the order to show.
    """

    title: str
    why: str
    queries: NDArray[np.int64]


def choose_queries(average_precision: NDArray[np.float64], count: int, *, seed: int = 0) -> list[Group]:
    """The worst, middle and best queries by average precision, and random ones.

    At equal average precision the query with the lower index comes first.

    Args:
        average_precision: (Q,) in [0, 1], NaN for queries that do not count; these are never chosen.
        count: queries of each group; all that there are, where there are fewer.
        seed: of the random ones.
    """
    order = _rising(average_precision)
    first = max(0, (len(order) - count) // 2)
    drawn = np.random.default_rng(seed).permutation(order)[:count]
    best = _rising(-average_precision)[:count]
    of = f"of the {len(order)} queries that count"
    return [
        Group("Worst queries", f"the lowest average precision (AP) {of}", order[:count]),
        Group("Median queries", f"the middle {of}, by AP", order[first : first + count]),
        Group("Best queries", f"the highest AP {of}", best),
        Group("Random queries", f"drawn by chance {of} (seed {seed})", drawn),
    ]


def choose_changes(
    before: NDArray[np.float64], after: NDArray[np.float64], count: int, change: str
) -> list[Group]:
    """The queries whose average precision rose and fell most; those where it did not are left out.

    Args:
        before, after: (Q,) average precision of the same queries, NaN where they do not count.
        count: queries of each group, at most.
        change: its name, such as "A to B".
    """
    gain = after - before
    rising, falling = _rising(-gain), _rising(gain)
    gained, lost = rising[gain[rising] > 0], falling[gain[falling] < 0]
    total = f"of {np.count_nonzero(~np.isnan(gain))} queries"
    return [
        Group("Largest gains", f"AP rises most from {change}; {len(gained)} {total} gain", gained[:count]),
        Group("Largest losses", f"AP falls most from {change}; {len(lost)} {total} lose", lost[:count]),
    ]


def _rising(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Indices of the values that are numbers, lowest value first."""
    order = np.argsort(values, kind="stable")
    return order[~np.isnan(values[order])]
