"""Between which bounds a counted rate is met again, on identities that were not counted.

Pairs of images are not independent: each identity is in many. So identities are drawn again, with
replacement, and a pair counts as often as the product of its two identities says; none is held against its
own copies (the pigeonhole bootstrap: Owen, 2007).

What a user meets is another sample of identities. Its rate differs from the counted one by the chance in
*both* samples; the usual interval, for the rate of the whole population, is too narrow for it by about 1.4.
These are *prediction intervals*: of two samples drawn each time, one stands for the identities of the
calibration, the other for as many new ones. Drawing identities overstates the chance that lies in single
pairs of them, up to threefold in variance: the intervals err on the wide side.

Letters: P identities, B samples drawn at once.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

_DRAWS: Final = 2000
_SAMPLES_AT_ONCE: Final = 250
Interval = tuple[float, float]
_Weights = NDArray[np.float64]  # (B, P): how often each identity is in each sample
_Counts = tuple[NDArray[np.float64], NDArray[np.float64]]  # (B,) matching pairs, (B,) pairs


def false_match_interval(false_matches: csr_array, num_images: NDArray[np.int64], level: float) -> Interval:
    """Predict the rate from (P, P) false matches, each in one of its two places, and (P,) image counts."""

    def counts(weights: _Weights) -> _Counts:
        matching = (weights * (false_matches @ weights.T).T).sum(axis=1)
        images = weights * num_images
        return matching, (images.sum(axis=1) ** 2 - (images**2).sum(axis=1)) / 2

    return _interval(counts, len(num_images), level)


def true_match_interval(true_matches: NDArray[np.int64], pairs: NDArray[np.int64], level: float) -> Interval:
    """Predict the rate from (P,) true matches and (P,) pairs of one identity."""
    return _interval(lambda weights: (weights @ true_matches, weights @ pairs), len(pairs), level)


def _interval(counts: Callable[[_Weights], _Counts], num_identities: int, level: float) -> Interval:
    """Quantiles of the ratio of two samples' odds, about the odds counted."""
    random, chance = np.random.default_rng(0), np.full(num_identities, 1 / num_identities)
    drawn = [
        _odds(*counts(random.multinomial(num_identities, chance, _SAMPLES_AT_ONCE).astype(np.float64)))
        for _ in range(0, 2 * _DRAWS, _SAMPLES_AT_ONCE)
    ]
    calibration, new = np.reshape(drawn, (2, _DRAWS))
    matching, pairs = counts(np.ones((1, num_identities)))
    tails = np.quantile(new / calibration, [(1 - level) / 2, (1 + level) / 2])
    odds = tails * _odds(matching, pairs)
    low, high = np.clip((odds / (1 + odds) * (pairs + 1) - 0.5) / pairs, 0, 1)
    return float(low), float(high)


def _odds(matching: NDArray[np.float64], pairs: NDArray[np.float64]) -> NDArray[np.float64]:
    return (matching + 0.5) / (pairs - matching + 0.5)  # half a pair more of each kind: never 0 or infinite
