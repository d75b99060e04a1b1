"""What a cosine similarity says about identity: a threshold for a chosen rate of error, and a probability."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from mdpr.errors import EvaluationError
from mdpr.evaluation.distances.checks import FeatureRows, as_feature_matrix, check_nonzero_rows
from mdpr.inference.histograms import lowest_threshold, probability_knots
from mdpr.inference.identity_bootstrap import Interval, false_match_interval, true_match_interval
from mdpr.inference.identity_pairs import ImagePairs

FEWEST_IDENTITIES: Final = 20


@dataclass(frozen=True)
class Calibration:
    """A threshold, how often it errs, and a map from similarity to probability.

    Rates are shares of pairs of images, in [0, 1]; intervals are prediction intervals for as many new
    identities of the same kind (`mdpr.inference.identity_bootstrap`).

    Attributes:
        threshold: cosine similarity at and above which two images are taken for the same person.
        false_match_rate: the rate asked for.
        achieved_false_match_rate: share of pairs of different identities at or above the threshold; at most
            the rate asked for.
        false_match_interval: lowest and highest such rate to expect.
        true_match_rate: share of pairs of the same identity at or above the threshold.
        true_match_interval: lowest and highest such rate to expect.
        level: share of new samples of identities that each interval should hold.
        num_identities, num_images: that were compared.
        num_different_pairs, num_same_pairs: pairs of images of different identities, of the same one.
        knots: (similarity, probability) in rising order of both, between which `probability` draws lines.
    """

    threshold: float
    false_match_rate: float
    achieved_false_match_rate: float
    false_match_interval: Interval
    true_match_rate: float
    true_match_interval: Interval
    level: float
    num_identities: int
    num_images: int
    num_different_pairs: int
    num_same_pairs: int
    knots: tuple[tuple[float, float], ...]

    def probability(self, similarity: float, prior: float = 0.5) -> float:
        """Estimate how likely two images of this cosine similarity show the same person.

        Args:
            similarity: in [-1, 1].
            prior: how likely that is before looking: the share of such pairs among those that are asked
                about, in (0, 1). Among all pairs of a large gallery it is far below one half.

        Raises:
            EvaluationError: a prior that is none.
        """
        if not 0 < prior < 1:
            raise EvaluationError(f"prior is {prior!r}: expected a number between 0 and 1, both excluded")
        even = float(np.interp(similarity, *np.transpose(self.knots)))
        return even * prior / (even * prior + (1 - even) * (1 - prior))

    def as_dict(self) -> dict[str, Any]:
        """Its fields as plain JSON values; `from_dict` undoes it."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Calibration":
        """Make one of what `as_dict` gave. Fields of a later version are left alone.

        Raises:
            EvaluationError: a field is missing.
        """
        names = [field.name for field in dataclasses.fields(cls)]
        missing = [name for name in names if name not in values]
        if missing:
            raise EvaluationError(f"the calibration lacks {', '.join(missing)}: calibrate the model again")
        fields = {name: values[name] for name in names}
        for name in ("false_match_interval", "true_match_interval"):
            fields[name] = tuple(fields[name])
        fields["knots"] = tuple(tuple(knot) for knot in fields["knots"])
        return cls(**fields)


def calibrate(
    features: FeatureRows,
    person: NDArray[np.integer],
    camera: NDArray[np.integer] | None = None,
    *,
    false_match_rate: float = 1e-3,
    level: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> Calibration:
    """Choose the lowest threshold whose false-match rate, over all pairs of images, is at most the one asked for.

    Pairs of one identity by the same camera are left out, as in the evaluation.

    Args:
        features: (N, D) floating point, of any length but 0.
        person: (N,) identities.
        camera: (N,); None where unknown.
        false_match_rate: largest share of pairs of different identities at or above the threshold, in (0, 1).
        level: of the intervals, in (0, 1).
        draws: of the bootstrap over identities.
        seed: likewise.

    Raises:
        EvaluationError: features or labels that do not fit, or too few identities or pairs for such a rate.
        TypeError, ValueError: features as `as_feature_matrix` refuses them.
    """
    for name, value in (("false_match_rate", false_match_rate), ("level", level)):
        if not 0 < value < 1:
            raise EvaluationError(f"{name} is {value!r}: expected a number between 0 and 1, both excluded")
    pairs, num_images = _pairs(features, person, camera)
    different, same = pairs.histograms()
    threshold = lowest_threshold(different, false_match_rate)
    false_matches, true_matches, same_pairs = pairs.matches(threshold)
    _check_count(
        np.count_nonzero(same_pairs), "identities with two images (by different cameras, where known)"
    )
    return Calibration(
        threshold=threshold,
        false_match_rate=false_match_rate,
        achieved_false_match_rate=float(false_matches.sum() / different.sum()),
        false_match_interval=false_match_interval(false_matches, num_images, level, draws, seed),
        true_match_rate=float(true_matches.sum() / same.sum()),
        true_match_interval=true_match_interval(true_matches, same_pairs, level, draws, seed),
        level=level,
        num_identities=len(num_images),
        num_images=int(num_images.sum()),
        num_different_pairs=int(different.sum()),
        num_same_pairs=int(same.sum()),
        knots=probability_knots(different, same),
    )


def _pairs(
    features: FeatureRows, person: NDArray[np.integer], camera: NDArray[np.integer] | None
) -> tuple[ImagePairs, NDArray[np.int64]]:
    """Pairs of the images, and the number of images of each identity."""
    matrix = torch.from_numpy(as_feature_matrix(features, "features"))
    norms = torch.linalg.vector_norm(matrix, dim=1)
    check_nonzero_rows(norms, "features")
    for name, labels in (("person", person), ("camera", camera)):
        if labels is not None and np.shape(labels) != (len(matrix),):
            raise EvaluationError(
                f"{name}: shape {np.shape(labels)}, expected ({len(matrix)},), one for each row"
            )
    _, identity, num_images = np.unique(person, return_inverse=True, return_counts=True)
    _check_count(len(num_images), "identities")
    return ImagePairs((matrix / norms[:, None]).numpy(), identity, camera), num_images


def _check_count(count: int, of: str) -> None:
    if count < FEWEST_IDENTITIES:
        raise EvaluationError(
            f"{count} {of}: at least {FEWEST_IDENTITIES} are needed to say what others will be like"
        )
