import numpy as np
import pytest
import torch
from fastreid.evaluation.roc import evaluate_roc_py
from hypothesis import given, settings
from hypothesis import strategies as st
from mdpr.evaluation import MatrixDistances, RetrievalFeatures, tpr_at_fpr
from sklearn.metrics import roc_curve
from support.retrieval_by_loops import cosine_distances, make_labels, random_problem

RATES = (1e-4, 1e-3, 1e-2, 0.1, 0.5)


def fastreid_values(distances, labels, rates=RATES):
    scores, same = evaluate_roc_py(
        distances,
        labels.query_person,
        labels.gallery_person,
        labels.query_camera,
        labels.gallery_camera,
    )
    false_rates, true_rates, _ = roc_curve(same, scores)
    return [true_rates[np.argmin(np.abs(false_rates - rate))] for rate in rates]


def values(distances, labels, **options):
    return list(tpr_at_fpr(MatrixDistances(distances), labels, RATES, **options).values())


@pytest.mark.parametrize("seed", range(4))
def test_equals_fastreid(seed):
    query, gallery, labels = random_problem(seed, num_query=40, num_gallery=200)
    distances = cosine_distances(query, gallery)
    assert values(distances, labels) == pytest.approx(fastreid_values(distances, labels), abs=1e-6)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 12), st.integers(1, 5))
def test_equals_fastreid_with_ties_and_straight_runs(seed, num_levels, block_rows):
    random = np.random.default_rng(seed)
    labels = make_labels(*(random.integers(0, n, size) for n, size in ((3, 6), (2, 6), (3, 9), (2, 9))))
    distances = random.integers(0, num_levels, (6, 9)) / num_levels
    _, same = evaluate_roc_py(
        distances,
        labels.query_person,
        labels.gallery_person,
        labels.query_camera,
        labels.gallery_camera,
    )
    if same.all():
        with pytest.raises(ValueError, match="no query has a match"):
            values(distances, labels)
        return
    result = values(distances, labels, block_rows=block_rows)
    if not same.any():
        assert np.isnan(result).all()
        return
    assert result == pytest.approx(fastreid_values(distances, labels), abs=1e-6)


def test_long_straight_runs():
    # All same-person distances lie above all others, so no inner point of the curve is kept.
    random = np.random.default_rng(0)
    labels = make_labels(np.zeros(30), np.zeros(30), np.repeat([0, 1], 30), np.ones(60))
    distances = random.random((30, 60)) + (np.arange(60) < 30)
    assert values(distances, labels) == pytest.approx(fastreid_values(distances, labels))


def test_a_rate_of_zero():
    query, gallery, labels = random_problem(5, num_query=100, num_gallery=300, num_people=4)
    distances = cosine_distances(query, gallery)
    rates = (0.0, 1e-3)
    result = tpr_at_fpr(MatrixDistances(distances), labels, rates)
    assert list(result.values()) == pytest.approx(fastreid_values(distances, labels, rates))


def test_block_size_and_threads_change_no_bit():
    query, gallery, labels = random_problem(6)
    source = RetrievalFeatures.from_features(query, gallery).distances()
    threads = torch.get_num_threads()
    results = []
    for num_threads in (1, 2):
        torch.set_num_threads(num_threads)
        results += [tpr_at_fpr(source, labels, RATES, block_rows=rows) for rows in (1, 7, None)]
    torch.set_num_threads(threads)
    assert all(result == results[0] for result in results)


def test_wrong_rates():
    source = MatrixDistances(np.zeros((1, 2)))
    labels = make_labels([1], [0], [1, 2], [1, 1])
    with pytest.raises(ValueError, match=r"false positive rates lie in \[0, 1\], got \[1.5\]"):
        tpr_at_fpr(source, labels, [1.5])
    with pytest.raises(ValueError, match=r"got \[\]"):
        tpr_at_fpr(source, labels, [])


def test_no_match():
    labels = make_labels([1], [0], [2, 1], [1, 0])
    with pytest.raises(ValueError, match="no query has a match in the gallery"):
        tpr_at_fpr(MatrixDistances(np.zeros((1, 2))), labels)
