"""Between which bounds a counted rate is met again, on identities that were not counted.

Pairs of images are not independent: each identity is in many of them. So identities are drawn again, with
replacement, and a pair counts as often as the product of its two identities says; an identity is never held
against its own copies (the pigeonhole bootstrap: Owen, 2007).

What a user will meet is another sample of identities. Its rate differs from the counted one by the chance in
*both* samples: an interval for the rate of the whole population, the usual bootstrap interval, is about 1.4
times too narrow for it. The intervals here are *prediction intervals*: of two samples drawn each time, one
stands for the identities of the calibration, the other for as many new ones. Drawing identities overstates
the chance that lies in single pairs of them, up to threefold in variance: they err on the wide side.

Letters: P identities, B samples drawn at once.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

_SAMPLES_AT_ONCE: Final = 250
Interval = tuple[float, float]
# From weights (B, P) of the identities to the rate of each sample, (B,).
_Rates = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def false_match_interval(
    false_matches: csr_array, num_images: NDArray[np.int64], level: float, draws: int, seed: int
) -> Interval:
    """Predict the false-match rate among as many new identities.

    Args:
        false_matches: (P, P) pairs of different identities that match, each in one of its two places; at
            least one.
        num_images: (P,) of each identity.
        level: share of such new samples that the interval should hold, in (0, 1).
        draws: how often two samples are drawn.
        seed: of the draws.
    """

    def rates(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        matching = (weights * (false_matches @ weights.T).T).sum(axis=1)
        images = weights * num_images
        pairs = (images.sum(axis=1) ** 2 - (images**2).sum(axis=1)) / 2
        return (matching + 0.5) / pairs  # half a match keeps a sample without any from being at rate 0

    calibration, new = _two_samples(rates, len(num_images), draws, seed)
    counted = rates(np.ones((1, len(num_images))))[0]
    low, high = np.quantile(new / calibration, _tails(level)) * counted
    return float(low), float(min(high, 1.0))


def true_match_interval(
    true_matches: NDArray[np.int64], pairs: NDArray[np.int64], level: float, draws: int, seed: int
) -> Interval:
    """Predict the true-match rate among as many new identities.

    Args:
        true_matches: (P,) pairs of one identity that match.
        pairs: (P,) all pairs of one identity; many of them not 0.
        level: as in `false_match_interval`.
        draws: likewise.
        seed: likewise.
    """

    def rates(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return (weights @ true_matches) / (weights @ pairs)

    calibration, new = _two_samples(rates, len(pairs), draws, seed)
    counted = true_matches.sum() / pairs.sum()
    low, high = np.clip(counted + np.quantile(new - calibration, _tails(level)), 0, 1)
    return float(low), float(high)


def _two_samples(rates: _Rates, num_identities: int, draws: int, seed: int) -> NDArray[np.float64]:
    """Rates of two independent samples of the identities, ``draws`` times: (2, draws)."""
    random = np.random.default_rng(seed)
    chance = np.full(num_identities, 1 / num_identities)
    counts = [min(_SAMPLES_AT_ONCE, 2 * draws - done) for done in range(0, 2 * draws, _SAMPLES_AT_ONCE)]
    drawn = [rates(random.multinomial(num_identities, chance, size=n).astype(np.float64)) for n in counts]
    return np.concatenate(drawn).reshape(2, draws)


def _tails(level: float) -> list[float]:
    return [(1 - level) / 2, (1 + level) / 2]
