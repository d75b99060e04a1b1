"""Thresholds, rates and probabilities against plain loops over all pairs; intervals against new people."""

import json
import re
from itertools import combinations

import numpy as np
import pytest
from mdpr.errors import EvaluationError
from mdpr.inference import image_pairs
from mdpr.inference.calibration import Calibration, _probability_knots, calibrate
from mdpr.inference.image_pairs import STEPS
from support.identities import draw_people


def similarities(features, person, camera=None):
    """Of different and of the same people, by a plain loop over all pairs."""
    rows = features.astype(np.float64) / np.linalg.norm(features.astype(np.float64), axis=1, keepdims=True)
    different, same = [], []
    for one, two in combinations(range(len(rows)), 2):
        if person[one] != person[two]:
            different.append(rows[one] @ rows[two])
        elif camera is None or camera[one] != camera[two]:
            same.append(rows[one] @ rows[two])
    return np.array(different), np.array(same)


@pytest.fixture(scope="module")
def people():
    features, person = draw_people(0, num_people=30)
    shuffled = np.random.default_rng(1).permutation(len(person))
    return features[shuffled], 7 * person[shuffled] + 3  # any numbers, in any order


@pytest.fixture(scope="module")
def calibration(people):
    return calibrate(*people, false_match_rate=0.01)


@pytest.mark.parametrize("with_cameras", [False, True])
@pytest.mark.parametrize("rate", [0.01, 0.2])
def test_counts_are_those_of_a_loop_over_all_pairs(people, rate, with_cameras, monkeypatch):
    monkeypatch.setattr(image_pairs, "_BLOCK", 37)  # several blocks, the last one shorter
    camera = np.random.default_rng(2).integers(0, 3, len(people[1])) if with_cameras else None
    found = calibrate(*people, camera, false_match_rate=rate)
    different, same = similarities(*people, camera)
    assert (found.num_different_pairs, found.num_same_pairs) == (len(different), len(same))
    assert found.achieved_false_match_rate == np.mean(different >= found.threshold) <= rate
    assert np.mean(different >= found.threshold - 1 / STEPS) > rate  # the lowest such threshold
    assert found.true_match_rate == np.mean(same >= found.threshold)
    assert (found.num_identities, found.num_images) == (30, len(people[1]))
    assert found.false_match_interval[0] < found.achieved_false_match_rate < found.false_match_interval[1]
    assert found.true_match_interval[0] <= found.true_match_rate <= found.true_match_interval[1]


def test_length_of_a_feature_says_nothing(people, calibration):
    lengths = np.random.default_rng(3).uniform(0.1, 10, (len(people[1]), 1)).astype(np.float32)
    other = calibrate(lengths * people[0], people[1], false_match_rate=0.01)
    assert other.threshold == pytest.approx(calibration.threshold, abs=1e-5)
    assert other.achieved_false_match_rate == calibration.achieved_false_match_rate


def test_new_people_are_within_the_interval_as_often_as_said():
    """80 % of 30 draws, give or take the chance in 30; that of false matches errs on the wide side."""
    inside = []
    for seed in range(30):
        found = calibrate(*draw_people(2 * seed), false_match_rate=0.01, level=0.8)
        different, same = matrix_similarities(*draw_people(2 * seed + 1))
        inside.append(
            (
                found.false_match_interval[0] <= np.mean(different >= found.threshold),
                np.mean(different >= found.threshold) <= found.false_match_interval[1],
                found.true_match_interval[0] <= np.mean(same >= found.threshold),
                np.mean(same >= found.threshold) <= found.true_match_interval[1],
            )
        )
    false_low, false_high, true_low, true_high = np.transpose(inside)
    assert np.mean(false_low & false_high) >= 0.68
    assert 0.68 <= np.mean(true_low & true_high) <= 0.97


def matrix_similarities(features, person):
    rows = features / np.linalg.norm(features, axis=1, keepdims=True)
    one, two = np.triu_indices(len(rows), 1)
    similarity = (rows @ rows.T)[one, two]
    is_same = person[one] == person[two]
    return similarity[~is_same], similarity[is_same]


def test_a_higher_level_is_a_wider_interval(people, calibration):
    narrow = calibrate(*people, false_match_rate=0.01, level=0.5)
    for name in ("false_match_interval", "true_match_interval"):
        (low, high), (lower, higher) = getattr(narrow, name), getattr(calibration, name)
        assert lower < low < high < higher


def test_probability_is_the_share_of_each_kind_of_pair_and_rises():
    """By hand, on five similarities; both kinds count as much, however many pairs of each there are."""
    different, same = np.zeros((2, 2 * STEPS), dtype=np.int64)
    at = np.array([0.1, 0.2, 0.3, 0.4, 0.9])
    entry = ((at + 1) * STEPS).astype(int)
    different[entry] = [500, 300, 150, 50, 0]
    same[entry] = [10, 20, 5, 25, 40]  # of 100
    found = _calibration(_probability_knots(different, same))
    pooled = 0.25 / (0.25 + 0.45)  # out of order: the same pairs 0.2, 0.05, the others 0.3, 0.15
    expected = [0.1 / (0.1 + 0.5), pooled, pooled, 0.25 / (0.25 + 0.05), 1 - 1 / 1002]
    assert [found.probability(value) for value in at] == pytest.approx(expected, abs=2e-3)
    assert found.probability(-1) == pytest.approx(expected[0])
    assert found.probability(1) == pytest.approx(expected[-1])
    # As likely as one in a thousand beforehand, by Bayes.
    odds = expected[3] / (1 - expected[3]) / 999
    assert found.probability(at[3], prior=0.001) == pytest.approx(odds / (1 + odds), rel=0.02)


def test_probability_never_falls_and_is_never_certain(calibration):
    values = [calibration.probability(similarity) for similarity in np.linspace(-1, 1, 201)]
    assert 0 < values[0] < 0.1
    assert 0.9 < values[-1] < 1
    assert values == sorted(values)


def test_json_keeps_all_of_it(calibration):
    text = json.dumps(calibration.as_dict())
    assert Calibration.from_dict(json.loads(text)) == calibration
    assert Calibration.from_dict({**calibration.as_dict(), "of a later version": 1}) == calibration
    with pytest.raises(EvaluationError, match="lacks 'threshold'"):
        Calibration.from_dict({})


def test_a_rate_that_cannot_be_had_is_refused_with_one_that_can(people):
    with pytest.raises(EvaluationError, match="of the 10,875 pairs") as refusal:
        calibrate(*people, false_match_rate=1e-5)
    possible = float(re.search(r"Ask for (\S+) or more", str(refusal.value))[1])
    assert possible < 0.002
    assert 0 < calibrate(*people, false_match_rate=possible).achieved_false_match_rate <= possible


def test_one_image_under_many_identities_is_refused():
    features, person = draw_people(0, num_people=30)
    features[person < 6] = 1
    with pytest.raises(
        EvaluationError, match=r"375 of the 10,875 pairs of different .* Ask for 0.038 or more"
    ):
        calibrate(features, person, false_match_rate=0.01)


@pytest.mark.parametrize("rate", [0, 1, -0.1, float("nan")])
def test_a_rate_out_of_range_is_refused(people, rate):
    with pytest.raises(EvaluationError, match="false_match_rate is"):
        calibrate(*people, false_match_rate=rate)


def test_too_few_people_are_refused(people):
    features, person = people
    few = np.isin(person, np.unique(person)[:19])
    with pytest.raises(EvaluationError, match="19 identities: 20 or more"):
        calibrate(features[few], person[few], false_match_rate=0.1)
    with pytest.raises(EvaluationError, match="0 identities in two images, by two cameras"):
        calibrate(features, person, np.zeros_like(person), false_match_rate=0.1)


def test_what_does_not_fit_is_refused(people):
    features, person = people
    with pytest.raises(EvaluationError, match=r"camera: shape \(3,\), expected \(150,\)"):
        calibrate(features, person, person[:3])
    for value, message in ((np.nan, "NaN or infinity"), (0, "zero norm")):
        wrong = features.copy()
        wrong[4] = value
        with pytest.raises(EvaluationError, match=f"{message}|{message} .*row 4"):
            calibrate(wrong, person)


def _calibration(knots):
    return Calibration(0.5, 0.01, 0.01, (0.005, 0.02), 0.9, (0.8, 0.95), 0.95, 20, 100, 1000, 100, knots)
