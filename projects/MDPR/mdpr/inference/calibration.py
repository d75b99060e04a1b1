"""What a cosine similarity says about identity: a threshold for a chosen rate of error, and a probability."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from mdpr.errors import EvaluationError
from mdpr.evaluation.distances.checks import FeatureRows, as_feature_matrix, check_nonzero_rows
from mdpr.inference.identity_bootstrap import Interval, false_match_interval, true_match_interval
from mdpr.inference.image_pairs import STEPS, ImagePairs

_FEWEST_IDENTITIES: Final = 20
_FEWEST_FALSE_MATCHES: Final = 10
_STEPS_PER_BIN: Final = 256  # of the map to probability: similarities 0.00025 apart


@dataclass(frozen=True)
class Calibration:
    """A threshold, how often it errs, and a map from similarity to probability.

    Rates are shares of pairs of images; intervals are prediction intervals for as many new identities.

    Attributes:
        threshold: cosine similarity at and above which two images are taken for the same person.
        false_match_rate: the one asked for.
        achieved_false_match_rate: share of pairs of different identities at or above the threshold.
        true_match_rate: the same of pairs of one identity.
        level: share of such new samples that each interval should hold.
        knots: (similarity, probability), both rising, between which `probability` draws lines.
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
        """Estimate how likely two images of this similarity show the same person.

        Args:
            similarity: cosine, in [-1, 1].
            prior: how likely that is before looking, in (0, 1); among all pairs of a gallery far below 0.5.

        Raises:
            EvaluationError: a prior out of range.
        """
        _check_share("prior", prior)
        even = float(np.interp(similarity, *np.transpose(self.knots)))
        return even * prior / (even * prior + (1 - even) * (1 - prior))

    def as_dict(self) -> dict[str, Any]:
        """Its fields as plain JSON values."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Calibration":
        """Undo `as_dict`; what a later version added is left alone.

        Raises:
            EvaluationError: a field is missing.
        """
        try:
            fields = {field.name: values[field.name] for field in dataclasses.fields(cls)}
        except KeyError as error:
            raise EvaluationError(f"the calibration lacks {error}: calibrate the model again") from error
        for name in ("false_match_interval", "true_match_interval"):
            fields[name] = tuple(fields[name])
        return cls(**{**fields, "knots": tuple(map(tuple, fields["knots"]))})


def calibrate(
    features: FeatureRows,
    person: NDArray[np.integer],
    camera: NDArray[np.integer] | None = None,
    *,
    false_match_rate: float = 1e-3,
    level: float = 0.95,
) -> Calibration:
    """Choose the lowest threshold whose false-match rate, over all pairs, is at most the one asked for.

    Pairs of one identity by the same camera are left out, as in the evaluation.

    Args:
        features: (N, D) floating point, of any length but 0.
        person: (N,) identities.
        camera: (N,); None where unknown.
        false_match_rate: largest share of pairs of different identities to take for the same, in (0, 1).
        level: of the intervals, in (0, 1).

    Raises:
        EvaluationError: features or labels that do not fit, or too few identities or pairs for such a rate.
        TypeError, ValueError: as `as_feature_matrix`.
    """
    _check_share("false_match_rate", false_match_rate)
    _check_share("level", level)
    matrix = torch.from_numpy(as_feature_matrix(features, "features"))
    norms = torch.linalg.vector_norm(matrix, dim=1)
    check_nonzero_rows(norms, "features")
    for name, labels in (("person", person), ("camera", camera)):
        if labels is not None and np.shape(labels) != norms.shape:
            raise EvaluationError(f"{name}: shape {np.shape(labels)}, expected {tuple(norms.shape)}")
    _, identity, num_images = np.unique(person, return_inverse=True, return_counts=True)
    _check_identities(len(num_images), "identities")

    pairs = ImagePairs((matrix / norms[:, None]).numpy(), identity, camera)
    different, same = pairs.histograms()
    threshold = _lowest_threshold(different, false_match_rate)
    false_matches, true_matches, same_pairs = pairs.matches(threshold)
    _check_identities(
        int(np.count_nonzero(same_pairs)), "identities in two images, by two cameras where known"
    )
    return Calibration(
        threshold=threshold,
        false_match_rate=float(false_match_rate),
        achieved_false_match_rate=float(false_matches.sum() / different.sum()),
        false_match_interval=false_match_interval(false_matches, num_images, level),
        true_match_rate=float(true_matches.sum() / same.sum()),
        true_match_interval=true_match_interval(true_matches, same_pairs, level),
        level=float(level),
        num_identities=len(num_images),
        num_images=len(matrix),
        num_different_pairs=int(different.sum()),
        num_same_pairs=int(same.sum()),
        knots=_probability_knots(different, same),
    )


def _lowest_threshold(different: NDArray[np.int64], false_match_rate: float) -> float:
    num_pairs = int(different.sum())
    asked, count = f"false_match_rate is {false_match_rate:g}", false_match_rate * num_pairs
    if count < _FEWEST_FALSE_MATCHES:
        raise EvaluationError(
            f"{asked}: that is {count:.2g} of the {num_pairs:,} pairs of different identities, and it takes "
            f"{_FEWEST_FALSE_MATCHES} to estimate a rate. Ask for "
            f"{1.1 * _FEWEST_FALSE_MATCHES / num_pairs:.2g} or more, or give more images"
        )
    rate = np.cumsum(different[::-1])[::-1] / num_pairs
    entry = int(np.argmax(rate <= false_match_rate))
    if not 0 < rate[entry] <= false_match_rate:
        highest = np.flatnonzero(different)[-1]
        raise EvaluationError(
            f"{asked}: no threshold has it, as {different[highest]:,} of the {num_pairs:,} pairs of "
            f"different identities have the highest similarity, {highest / STEPS - 1:.6f}. Ask for "
            f"{1.1 * rate[highest]:.2g} or more, or look for one image under two identities"
        )
    return entry / STEPS - 1


def _probability_knots(
    different: NDArray[np.int64], same: NDArray[np.int64]
) -> tuple[tuple[float, float], ...]:
    """Fit a rising map, both kinds as likely, never surer than one more pair of either would leave it."""
    counts = np.stack([different, same]).reshape(2, -1, _STEPS_PER_BIN).sum(axis=2)
    centres = (np.arange(counts.shape[1]) + 0.5) * _STEPS_PER_BIN / STEPS - 1
    is_same, place = np.nonzero(counts)
    num_different, num_same = totals = counts.sum(axis=1)
    fit = IsotonicRegression(y_min=1 / (num_same + 2), y_max=1 - 1 / (num_different + 2))
    fit.fit(centres[place], is_same, sample_weight=counts[is_same, place] / totals[is_same])
    return tuple(zip(fit.X_thresholds_.tolist(), fit.y_thresholds_.tolist(), strict=True))


def _check_share(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise EvaluationError(f"{name} is {value!r}: expected a number between 0 and 1, both excluded")


def _check_identities(count: int, kind: str) -> None:
    if count < _FEWEST_IDENTITIES:
        raise EvaluationError(f"{count} {kind}: {_FEWEST_IDENTITIES} or more say what others are like")
