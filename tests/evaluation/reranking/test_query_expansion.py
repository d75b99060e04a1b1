import logging

import numpy as np
import pytest
import torch
from fastreid.evaluation.query_expansion import aqe
from mdpr.evaluation import QueryExpansionOptions, expand_features
from support.retrieval_by_loops import expand_by_loops, random_problem

CLOSE = {"rtol": 0, "atol": 1e-5}


def images(seed=0):
    query, gallery, _ = random_problem(seed)
    return np.concatenate([query, gallery])


@pytest.mark.parametrize("alpha", [0.0, 1.0, 3.0])
@pytest.mark.parametrize(("times", "k"), [(1, 5), (2, 3), (3, 10), (1, 1), (0, 5)])
def test_equals_fastreid(alpha, times, k):
    features = images()
    expected = torch.cat(
        aqe(torch.from_numpy(features[:20]), torch.from_numpy(features[20:]), times, k, alpha)
    )
    options = QueryExpansionOptions(alpha=alpha, times=times, k=k)
    np.testing.assert_allclose(expand_features(features, options), expected, **CLOSE)


def test_more_rows_than_a_block():
    random = np.random.default_rng(0)
    features = random.standard_normal((700, 8)).astype(np.float32)
    expected = expand_by_loops(features, alpha=3.0, times=1, k=5)
    np.testing.assert_allclose(expand_features(features), expected, **CLOSE)


def test_fewer_images_than_neighbours():
    features = images()[:3]
    expected = expand_by_loops(features, alpha=3.0, times=1, k=5)
    np.testing.assert_allclose(expand_features(features), expected, **CLOSE)


def test_input_is_not_changed():
    features = images()
    before = features.copy()
    expand_features(torch.from_numpy(features))
    np.testing.assert_array_equal(features, before)


def test_fractional_power_of_negative_similarity_is_zero_and_logged(caplog):
    features = np.array([[1.0, 0.0], [-1.0, 0.1]], dtype=np.float32)
    with caplog.at_level(logging.WARNING):
        expanded = expand_features(features, QueryExpansionOptions(alpha=0.5, k=2))
    np.testing.assert_allclose(expanded, features / 2, rtol=1e-6)
    assert "2 of 2 images have neighbours of negative similarity" in caplog.text
    assert "rows 0, 1" in caplog.text


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"alpha": -1.0}, "query expansion: alpha must be at least 0, got -1.0"),
        ({"times": -1}, "query expansion: times must be at least 0, got -1"),
        ({"k": 0}, "query expansion: k must be at least 1, got 0"),
    ],
)
def test_wrong_options(option, message):
    with pytest.raises(ValueError, match=message):
        QueryExpansionOptions(**option)


def test_zero_feature():
    features = images()
    features[7] = 0
    with pytest.raises(ValueError, match=r"query expansion: 1 of 100 rows have zero .*row 7"):
        expand_features(features)
