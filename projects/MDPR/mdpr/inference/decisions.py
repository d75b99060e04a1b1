"""Whether two images show the same person, and how sure that is."""

from dataclasses import dataclass
from typing import Final

from mdpr.inference.calibration import Calibration

_UNCALIBRATED: Final = (
    "the model has no calibration, and which similarity is high differs between models and places: "
    "`mdpr calibrate` finds out on labelled images"
)


@dataclass(frozen=True)
class Decision:
    """What is known of two images; without a calibration the similarity, and the reason why no more.

    Attributes:
        similarity: cosine of their features, in [-1, 1].
        probability: that they show the same person, if that is as likely as not before looking.
        is_same: whether the similarity reaches the threshold.
        threshold: of the calibration.
        false_match_rate: share of pairs of different people that reach it, as asked for.
        reason: why nothing was decided, and what to do.
    """

    similarity: float
    probability: float | None = None
    is_same: bool | None = None
    threshold: float | None = None
    false_match_rate: float | None = None
    reason: str | None = None


def decide(similarity: float, calibration: Calibration | None) -> Decision:
    """Decide on two images by the cosine similarity of their features."""
    similarity = min(max(float(similarity), -1.0), 1.0)  # rounding goes beyond
    if calibration is None:
        return Decision(similarity, reason=_UNCALIBRATED)
    return Decision(
        similarity,
        calibration.probability(similarity),
        similarity >= calibration.threshold,
        calibration.threshold,
        calibration.false_match_rate,
    )
