"""Whether two images show the same person, and how sure that is."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mdpr.inference.calibration import Calibration

if TYPE_CHECKING:
    from mdpr.inference.embedder import Embedder

UNCALIBRATED = (
    "the model has no calibration, and how high a similarity must be differs between models and places: "
    "`mdpr calibrate` finds out on labelled images"
)


@dataclass(frozen=True)
class Decision:
    """What is known of two images.

    Attributes:
        similarity: cosine of their features, in [-1, 1].
        probability: that they show the same person, both cases being as likely beforehand
            (`Calibration.probability` takes another prior); None without a calibration, as all below.
        is_same: whether the similarity reaches the threshold.
        threshold: of the calibration.
        false_match_rate: share of pairs of different people that reach it, as the calibration was asked for.
        reason: why nothing was decided, and what to do; None where it was.
    """

    similarity: float
    probability: float | None = None
    is_same: bool | None = None
    threshold: float | None = None
    false_match_rate: float | None = None
    reason: str | None = None


def decide(similarity: float, calibration: Calibration | None) -> Decision:
    """Decide on two images of this cosine similarity; without a calibration, say why not."""
    if calibration is None:
        return Decision(similarity, reason=UNCALIBRATED)
    return Decision(
        similarity=similarity,
        probability=calibration.probability(similarity),
        is_same=similarity >= calibration.threshold,
        threshold=calibration.threshold,
        false_match_rate=calibration.false_match_rate,
    )


def same_person(embedder: "Embedder", first: Any, second: Any) -> Decision:
    """Embed two images, anything that the embedder takes, and decide on them."""
    one, two = embedder([first, second])
    return decide(float(np.clip(one @ two, -1, 1)), embedder.calibration)
