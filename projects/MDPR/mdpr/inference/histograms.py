"""What counts of similarities say: which threshold errs how often, and how likely one person is.

The counts are those of `ImagePairs.histograms`: entry i is for similarities from i / STEPS - 1 on.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from mdpr.errors import EvaluationError
from mdpr.inference.identity_pairs import STEPS

FEWEST_FALSE_MATCHES: Final = 10
_STEPS_PER_BIN: Final = 256  # of the map to probability: similarities 0.00025 apart


def lowest_threshold(different: NDArray[np.int64], false_match_rate: float) -> float:
    """Find the lowest similarity at and above which at most this share of the pairs lies.

    Args:
        different: (2 * STEPS,) counts of pairs of different identities.
        false_match_rate: in (0, 1).

    Raises:
        EvaluationError: too few pairs to estimate this rate, or so many of one similarity that no threshold
            has it. The message says which rate can be had.
    """
    num_pairs = int(different.sum())
    expected = false_match_rate * num_pairs
    if expected < FEWEST_FALSE_MATCHES:
        raise EvaluationError(
            f"false_match_rate is {false_match_rate:g}: that is {expected:.2g} of the {num_pairs:,} pairs of "
            f"different identities, and it takes {FEWEST_FALSE_MATCHES} to estimate a rate. Ask for "
            f"{1.1 * FEWEST_FALSE_MATCHES / num_pairs:.2g} or more, or give more images"
        )
    rate = np.cumsum(different[::-1])[::-1] / num_pairs
    entry = int(np.argmax(rate <= false_match_rate))
    if not 0 < rate[entry] <= false_match_rate:
        highest = np.flatnonzero(different)[-1]
        raise EvaluationError(
            f"false_match_rate is {false_match_rate:g}: no threshold has it, as {different[highest]:,} of "
            f"the {num_pairs:,} pairs of different identities have the highest similarity, "
            f"{highest / STEPS - 1:.6f}. Ask for {1.1 * different[highest] / num_pairs:.2g} or more, or look "
            "for one image under two identities"
        )
    return entry / STEPS - 1


def probability_knots(
    different: NDArray[np.int64], same: NDArray[np.int64]
) -> tuple[tuple[float, float], ...]:
    """Fit a rising map from similarity to the probability of one identity, both kinds being as likely.

    It is never surer than one more pair of either kind, unseen so far, would leave it.

    Args:
        different: (2 * STEPS,) counts of pairs of different identities; some.
        same: (2 * STEPS,) counts of pairs of the same identity; some.

    Returns:
        (similarity, probability) where the map bends.
    """
    counts = np.stack([different, same]).reshape(2, -1, _STEPS_PER_BIN).sum(axis=2)
    centres = (np.arange(counts.shape[1]) + 0.5) * _STEPS_PER_BIN / STEPS - 1
    is_same, place = np.nonzero(counts)
    num_different, num_same = totals = counts.sum(axis=1)
    fit = IsotonicRegression(y_min=1 / (num_same + 2), y_max=1 - 1 / (num_different + 2))
    fit.fit(centres[place], is_same, sample_weight=counts[is_same, place] / totals[is_same])
    return tuple(zip(fit.X_thresholds_.tolist(), fit.y_thresholds_.tolist(), strict=True))
