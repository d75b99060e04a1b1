import numpy as np
import pytest
import torch
from mdpr.evaluation import CentralizationOptions, centralize_features
from support.retrieval_by_loops import neighbours_by_sorting, random_problem

CLOSE = {"rtol": 0, "atol": 1e-5}


def images(seed=0):
    query, gallery, _ = random_problem(seed)
    return np.concatenate([query, gallery])


def centralize_by_loops(features, k1, k2):
    features = features.astype(np.float64)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    near = [[j for j in order if j != i] for i, order in enumerate(neighbours_by_sorting(unit, len(unit)))]
    result = unit.copy()
    for i in range(len(unit)):
        for j in near[i][:k1]:
            if i in near[j][:k2]:
                result[i] += unit[j]
    return result


@pytest.mark.parametrize(("k1", "k2"), [(1, 1), (2, 2), (5, 3), (3, 5), (99, 99), (300, 2)])
def test_equals_plain_loops(k1, k2):
    found = centralize_features(images(), CentralizationOptions(k1, k2))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, centralize_by_loops(images(), k1, k2), **CLOSE)


def test_more_rows_than_a_block():
    features = np.random.default_rng(0).standard_normal((700, 8)).astype(np.float32)
    np.testing.assert_allclose(centralize_features(features), centralize_by_loops(features, 2, 2), **CLOSE)


def test_three_on_a_line():
    """The outer ones are each other's neighbours only by way of the middle one."""
    angles = np.radians([0.0, 10.0, 30.0])
    features = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    found = centralize_features(features, CentralizationOptions(1, 1))
    np.testing.assert_allclose(
        found, [features[0] + features[1], features[1] + features[0], features[2]], atol=1e-6
    )


def test_lengths_do_not_count_and_the_input_stays():
    features = images()
    longer = features * np.linspace(1, 9, len(features), dtype=np.float32)[:, None]
    before = longer.copy()
    found = centralize_features(torch.from_numpy(longer))
    np.testing.assert_allclose(found, centralize_features(features), **CLOSE)
    np.testing.assert_array_equal(longer, before)


@pytest.mark.parametrize("name", ["k1", "k2"])
def test_wrong_options(name):
    with pytest.raises(ValueError, match=f"centralization: {name} must be at least 1, got 0"):
        CentralizationOptions(**{name: 0})


def test_zero_feature():
    features = images()
    features[7] = 0
    with pytest.raises(ValueError, match=r"centralization: 1 of 100 rows have zero .*row 7"):
        centralize_features(features)
