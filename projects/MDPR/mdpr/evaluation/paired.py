"""Whether one ranking is better than another, from what both make of the same queries.

The queries of a person are not independent: they look alike, and have the same matches. So persons are
drawn again, with replacement, each with all queries, and not single queries (the cluster bootstrap: Davison
and Hinkley, 1997, section 3.8); the interval has the quantiles of the mean over these draws.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mdpr.errors import EvaluationError

_DRAWS_AT_ONCE: Final = 250


@dataclass(frozen=True)
class PairedDifference:
    """The mean of second less first, in the unit of the values, and where it lies by chance of the persons.

    ``low`` and ``high`` bound its interval: NaN with the queries of one person alone, who says nothing of
    others. ``n`` is the number of queries.
    """

    mean: float
    low: float
    high: float
    n: int


def paired_difference(
    first: NDArray[Any],
    second: NDArray[Any],
    identities: NDArray[Any],
    *,
    level: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> PairedDifference:
    """Compare values of the same Q queries, in the same order.

    Args:
        first: (Q,) a value for every query, such as its average precision; NaN where it does not count.
        second: (Q,) likewise. Queries count that count in both.
        identities: (Q,) the person of each query.
        level: of the interval, in 0..1.
        draws: of the bootstrap.
        seed: of the draws.

    Raises:
        EvaluationError: arrays of different lengths, or no query that counts.
    """
    if not first.shape == second.shape == identities.shape or first.ndim != 1:
        raise EvaluationError(
            f"values of {first.shape} and {second.shape} queries of {identities.shape} persons: a paired "
            "comparison needs the same queries"
        )
    difference = second.astype(np.float64) - first
    counts = ~np.isnan(difference)
    difference, identities = difference[counts], identities[counts]
    if not len(difference):
        raise EvaluationError("no query counts in both: there is nothing to compare")
    _, person, queries = np.unique(identities, return_inverse=True, return_counts=True)
    mean, low, high = float(difference.mean()), np.nan, np.nan
    if len(queries) > 1:
        means = _drawn_means(np.bincount(person, difference), queries, draws, seed)
        low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return PairedDifference(mean, float(low), float(high), len(difference))


def _drawn_means(sums: NDArray[Any], queries: NDArray[Any], draws: int, seed: int) -> NDArray[np.float64]:
    """Means of all queries of drawn persons, from (P,) sums and numbers of the queries of each."""
    random, chance = np.random.default_rng(seed), np.full(len(queries), 1 / len(queries))
    means = []
    for start in range(0, draws, _DRAWS_AT_ONCE):
        times = random.multinomial(len(queries), chance, min(_DRAWS_AT_ONCE, draws - start))
        means.append((times @ sums) / (times @ queries))
    return np.concatenate(means)
