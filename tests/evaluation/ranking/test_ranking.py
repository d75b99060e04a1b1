import dataclasses
import importlib.util
import logging
import warnings

import numpy as np
import pytest
import torch
from fastreid.evaluation import rank as fastreid_rank
from hypothesis import given, settings
from hypothesis import strategies as st
from mdpr.evaluation import RankingOptions, RetrievalLabels, rank_distances, rank_features
from mdpr.evaluation.distances import feature_distances
from mdpr.evaluation.distances.ordering import _ranks_by_counting, _ranks_by_sorting
from support.retrieval_by_loops import (
    cosine_distances,
    euclidean_distances,
    make_labels,
    random_problem,
    rank_by_loops,
    single_shot_cmc_by_loops,
)

CLOSE = {"rtol": 0, "atol": 1e-6}


def assert_same_scores(result, expected):
    cmc, precisions, penalties, _ = expected
    np.testing.assert_allclose(result.cmc, cmc, **CLOSE)
    np.testing.assert_allclose(result.average_precision, precisions, **CLOSE)
    np.testing.assert_allclose(result.inverse_negative_penalty, penalties, **CLOSE)


def assert_identical(first, second):
    for field in dataclasses.fields(first):
        np.testing.assert_array_equal(getattr(first, field.name), getattr(second, field.name))


def fastreid_scores(distances, labels, max_rank):
    return fastreid_rank.eval_market1501(
        distances,
        labels.query_person,
        labels.gallery_person,
        labels.query_camera,
        labels.gallery_camera,
        max_rank,
    )


def assert_same_as_fastreid(result, expected):
    cmc, precisions, penalties = expected
    valid = result.num_matches > 0
    np.testing.assert_allclose(result.cmc[: len(cmc)], cmc, **CLOSE)
    np.testing.assert_allclose(result.average_precision[valid], precisions, **CLOSE)
    np.testing.assert_allclose(result.inverse_negative_penalty[valid], penalties, **CLOSE)
    assert result.mean_average_precision == pytest.approx(np.mean(precisions), abs=1e-6)
    assert result.mean_inverse_negative_penalty == pytest.approx(np.mean(penalties), abs=1e-6)


class StableNumpy:
    """numpy, but for an argsort that breaks ties by index, and with the name NumPy 1.24 dropped."""

    bool = np.bool_

    def __getattr__(self, name):
        return getattr(np, name)

    @staticmethod
    def argsort(values, axis):
        return np.argsort(values, axis=axis, kind="stable")


# --- agreement with fast-reid and with the definitions


@pytest.mark.parametrize("seed", range(5))
def test_equals_fastreid_without_ties(seed):
    query, gallery, labels = random_problem(seed, num_people=15)
    distances = cosine_distances(query, gallery).astype(np.float32)
    expected = fastreid_scores(distances, labels, 50)
    assert_same_as_fastreid(rank_distances(distances, labels), expected)
    assert_same_as_fastreid(rank_features(query, gallery, labels), expected)


@pytest.mark.parametrize("seed", range(5))
def test_equals_fastreid_with_ties_in_stable_order(seed, monkeypatch):
    _, _, labels = random_problem(seed)
    random = np.random.default_rng(seed)
    distances = random.integers(0, 6, (labels.num_query, labels.num_gallery)) / np.float32(6)
    monkeypatch.setattr(fastreid_rank, "np", StableNumpy())
    assert_same_as_fastreid(rank_distances(distances, labels), fastreid_scores(distances, labels, 50))


@st.composite
def small_problems(draw):
    num_query, num_gallery = draw(st.integers(1, 5)), draw(st.integers(1, 12))
    num_people, num_cameras = draw(st.integers(1, 4)), draw(st.integers(1, 3))

    def vector(size, upper):
        return draw(st.lists(st.integers(0, upper - 1), min_size=size, max_size=size))

    labels = make_labels(
        vector(num_query, num_people),
        vector(num_query, num_cameras),
        vector(num_gallery, num_people),
        vector(num_gallery, num_cameras),
    )
    cells = vector(num_query * num_gallery, 5)
    return np.reshape(cells, (num_query, num_gallery)) / 4.0, labels


@settings(max_examples=200, deadline=None)
@given(small_problems(), st.integers(1, 15), st.integers(1, 6))
def test_equals_plain_loops_on_random_cases(problem, max_rank, block_rows):
    distances, labels = problem
    expected = rank_by_loops(distances, labels, max_rank)
    options = RankingOptions(max_rank=max_rank, block_rows=block_rows, top_k=4)
    if expected[0] is None:
        with pytest.raises(ValueError, match="has a match in the gallery"):
            rank_distances(distances, labels, options=options)
        return
    result = rank_distances(distances, labels, options=options)
    assert_same_scores(result, expected)
    for row, order in zip(result.top_columns, expected[3], strict=True):
        shown = order[: len(row)]
        assert row.tolist() == shown + [-1] * (len(row) - len(shown))


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_features_are_ranked_by_the_metric(metric, dtype):
    query, gallery, labels = random_problem(1)
    gallery *= np.linspace(0.1, 100, len(gallery), dtype=np.float32)[:, None]
    distances = {"cosine": cosine_distances, "euclidean": euclidean_distances}[metric]
    result = rank_features(
        torch.from_numpy(query).to(dtype),
        torch.from_numpy(gallery).to(dtype),
        labels,
        metric=metric,
    )
    assert_same_scores(result, rank_by_loops(distances(query, gallery), labels))


# --- hand-made cases: one query of person 1 seen by camera 0


def single_query(gallery_person, gallery_camera, distances):
    labels = make_labels([1], [0], gallery_person, gallery_camera)
    return rank_distances(np.array([distances], dtype=np.float32), labels)


def test_perfect_ranking():
    result = single_query([1, 1, 2, 3], [1, 2, 0, 0], [0.1, 0.2, 0.3, 0.4])
    assert result.mean_average_precision == result.mean_inverse_negative_penalty == 1
    assert result.cmc.tolist() == [1, 1, 1, 1]
    assert (result.num_matches[0], result.first_match_rank[0]) == (2, 0)


def test_worst_ranking():
    # The only match comes last of four.
    result = single_query([2, 3, 4, 1], [0, 0, 0, 1], [0.1, 0.2, 0.3, 0.4])
    assert result.mean_average_precision == result.mean_inverse_negative_penalty == 0.25
    assert result.cmc.tolist() == [0, 0, 0, 1]
    assert result.first_match_rank[0] == 3


def test_imperfect_ranking():
    # Matches at ranks 1 and 3 of 4: AP = (1/1 + 2/3) / 2, INP = 2/3.
    result = single_query([1, 2, 1, 3], [1, 1, 2, 1], [0.1, 0.2, 0.3, 0.4])
    assert result.mean_average_precision == pytest.approx(5 / 6)
    assert result.mean_inverse_negative_penalty == pytest.approx(2 / 3)


def test_image_of_same_person_and_camera_is_left_out():
    # Column 0 is nearest, but it is the query's own person and camera.
    result = single_query([1, 2, 1], [0, 0, 1], [0.0, 0.2, 0.1])
    assert result.mean_average_precision == 1
    assert result.num_matches.tolist() == [1]


def test_same_camera_other_person_is_kept():
    assert single_query([2, 1], [0, 1], [0.1, 0.2]).mean_average_precision == 0.5


@pytest.mark.parametrize(("match_column", "expected"), [(0, 1.0), (1, 0.5), (2, 1 / 3)])
def test_tie_goes_to_the_lower_gallery_index(match_column, expected):
    person = [2, 2, 2]
    person[match_column] = 1
    assert single_query(person, [1, 1, 1], [0.5] * 3).mean_average_precision == expected


def test_gallery_of_one_image():
    result = single_query([1], [1], [0.3])
    assert result.cmc.tolist() == [1]
    assert result.rank(1) == result.rank(10) == 1


def test_cmc_stops_at_max_rank():
    query, gallery, labels = random_problem(0)
    result = rank_features(query, gallery, labels, options=RankingOptions(max_rank=7))
    assert result.cmc.shape == (7,)
    assert rank_features(query, gallery, labels).cmc.shape == (50,)


def test_query_without_match_is_counted_and_logged(caplog):
    labels = make_labels([1, 9, 1], [0, 0, 0], [1, 2], [1, 1])
    with caplog.at_level(logging.WARNING):
        result = rank_distances(np.array([[0.1, 0.2], [0.1, 0.2], [0.2, 0.1]]), labels)
    assert result.num_valid_queries == 2
    assert np.isnan(result.average_precision).tolist() == [False, True, False]
    assert np.isnan(result.inverse_negative_penalty).tolist() == [False, True, False]
    assert result.mean_average_precision == 0.75
    assert result.rank(1) == 0.5
    assert "1 of 3 queries have no match in the gallery" in caplog.text
    assert "row 1" in caplog.text


# --- the same bits every time


def tied_problem():
    """Every gallery feature occurs several times, far apart, with its own label."""
    query, gallery, labels = random_problem(3, num_query=37, num_gallery=90, dimension=33)
    random = np.random.default_rng(0)
    copies = random.permutation(np.tile(np.arange(30), 3))
    return query, gallery[:30][copies], labels


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_block_size_and_threads_change_no_bit(metric):
    query, gallery, labels = tied_problem()
    threads = torch.get_num_threads()
    results = []
    for num_threads in (1, 2):
        torch.set_num_threads(num_threads)
        for block_rows in (1, 2, 7, 36, 37, 100, None):
            options = RankingOptions(block_rows=block_rows, top_k=20)
            results.append(rank_features(query, gallery, labels, metric=metric, options=options))
    torch.set_num_threads(threads)
    for result in results[1:]:
        assert_identical(results[0], result)


def test_large_galleries_in_chunks_give_the_same_bits(monkeypatch):
    query, gallery, labels = tied_problem()
    expected = rank_features(query, gallery, labels, options=RankingOptions(top_k=20))
    monkeypatch.setattr(feature_distances, "_DOUBLE_GALLERY_BYTES", 0)
    monkeypatch.setattr(feature_distances, "_GALLERY_CHUNK", 7)
    assert_identical(expected, rank_features(query, gallery, labels, options=RankingOptions(top_k=20)))


def test_equal_features_tie_exactly():
    query, gallery, labels = tied_problem()
    distinct, first = np.unique(gallery, axis=0, return_inverse=True)
    distances = cosine_distances(query, distinct)[:, first]
    result = rank_features(query, gallery, labels, options=RankingOptions(top_k=90))
    expected = rank_by_loops(distances, labels)
    assert_same_scores(result, expected)
    for row, order in zip(result.top_columns, expected[3], strict=True):
        assert row[: len(order)].tolist() == order


@settings(max_examples=100, deadline=None)
@given(small_problems())
def test_both_ways_to_count_ranks_agree(problem):
    distances, _ = problem
    rows, columns = (index.ravel() for index in np.indices(distances.shape))
    counted = _ranks_by_counting(distances, rows, columns)
    by_sorting = _ranks_by_sorting(torch.from_numpy(distances), rows, columns)
    np.testing.assert_array_equal(counted, by_sorting)


def test_many_matches_for_each_query():
    # Enough matches a row to take the other way of ranking them.
    random = np.random.default_rng(0)
    labels = make_labels([0, 1], [0, 0], random.integers(0, 2, 800), np.ones(800))
    distances = random.integers(0, 50, (2, 800)).astype(np.float32)
    assert_same_scores(rank_distances(distances, labels), rank_by_loops(distances, labels))


def test_input_is_not_changed():
    query, gallery, labels = random_problem(0)
    distances = cosine_distances(query, gallery)
    before = distances.copy(), query.copy(), gallery.copy()
    rank_distances(distances, labels)
    rank_features(query, gallery, labels)
    for now, then in zip((distances, query, gallery), before, strict=True):
        np.testing.assert_array_equal(now, then)


# --- classic CUHK03 protocol


@pytest.mark.parametrize("seed", [0, 7])
def test_single_shot_equals_plain_loops(seed):
    query, gallery, labels = random_problem(4, num_query=12, num_gallery=60, num_people=9)
    distances = cosine_distances(query, gallery)
    options = RankingOptions(protocol="cuhk03", seed=seed, repeats=4, block_rows=5)
    result = rank_distances(distances, labels, options=options)
    _, precisions, penalties, _ = rank_by_loops(distances, labels)
    cmc = single_shot_cmc_by_loops(distances, labels, seed=seed, repeats=4)
    assert_same_scores(result, (cmc, precisions, penalties, None))


def test_single_shot_does_not_depend_on_block_size():
    query, gallery, labels = random_problem(4)
    results = [
        rank_features(query, gallery, labels, options=RankingOptions(protocol="cuhk03", block_rows=rows))
        for rows in (1, 6, None)
    ]
    assert_identical(results[0], results[1])
    assert_identical(results[0], results[2])


@pytest.fixture
def fastreids_eval_cuhk03(monkeypatch):
    """fast-reid's own version, not the one that `mdpr.plugs` puts in its place."""
    spec = importlib.util.find_spec("fastreid.evaluation.rank")
    module = importlib.util.module_from_spec(spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec.loader.exec_module(module)
    monkeypatch.setattr(module, "np", StableNumpy())
    return module.eval_cuhk03


def test_single_shot_equals_fastreid_where_nothing_is_random(fastreids_eval_cuhk03):
    random = np.random.default_rng(0)
    labels = make_labels(np.arange(10), np.zeros(10), random.permutation(10), np.ones(10))
    distances = random.random((10, 10))
    cmc, mean_average_precision = fastreids_eval_cuhk03(
        distances,
        labels.query_person,
        labels.gallery_person,
        labels.query_camera,
        labels.gallery_camera,
        10,
    )
    result = rank_distances(distances, labels, options=RankingOptions(protocol="cuhk03"))
    np.testing.assert_allclose(result.cmc, cmc, **CLOSE)
    assert result.mean_average_precision == pytest.approx(mean_average_precision, abs=1e-6)


def test_single_shot_approaches_fastreid_over_many_draws(fastreids_eval_cuhk03):
    query, gallery, labels = random_problem(2, num_query=15, num_people=6)
    distances = cosine_distances(query, gallery)
    np.random.seed(0)
    cmc, _ = fastreids_eval_cuhk03(
        np.repeat(distances, 40, axis=0),
        np.repeat(labels.query_person, 40),
        labels.gallery_person,
        np.repeat(labels.query_camera, 40),
        labels.gallery_camera,
        6,
    )
    options = RankingOptions(protocol="cuhk03", repeats=400)
    result = rank_distances(distances, labels, options=options)
    np.testing.assert_allclose(result.cmc[:6], cmc, atol=0.02)


# --- wrong input


def good():
    return random_problem(0)


def test_features_that_are_not_finite_are_named():
    query, gallery, labels = good()
    gallery[[3, 8], [0, 1]] = np.nan, np.inf
    with pytest.raises(ValueError, match=r"gallery features: 2 of 80 rows .* \(rows 3, 8\)"):
        rank_features(query, gallery, labels)


def test_only_a_few_rows_are_named():
    query, gallery, labels = good()
    query[:] = np.nan
    with pytest.raises(ValueError, match=r"20 of 20 rows .* \(rows 0, 1, 2, 3, 4, \.\.\.\)"):
        rank_features(query, gallery, labels)


def test_zero_vector_under_cosine_is_named():
    query, gallery, labels = good()
    query[5] = 0
    with pytest.raises(ValueError, match=r"query features: 1 of 20 rows have zero norm \(row 5\)"):
        rank_features(query, gallery, labels)
    rank_features(query, gallery, labels, metric="euclidean")


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda q, g: (q[:0], g), ValueError, r"query features: empty"),
        (lambda q, g: (q, g[:0]), ValueError, r"gallery features: empty"),
        (lambda q, g: (q[:, :0], g), ValueError, r"rows have no values"),
        (lambda q, g: (q[0], g), ValueError, r"shape \(N, D\) is needed, got \(16,\)"),
        (lambda q, g: (q[:, :9], g), ValueError, r"dimension 9, gallery features 16"),
        (lambda q, g: (q[:5], g), ValueError, r"labels are for 20 query .* there are 5 and 80"),
        (lambda q, g: (q.astype(int), g), TypeError, r"got dtype int64"),
        (lambda q, g: (torch.ones(20, 16, dtype=torch.int32), g), TypeError, r"dtype int32"),
    ],
)
def test_wrong_features(change, error, message):
    query, gallery, labels = good()
    with pytest.raises(error, match=message):
        rank_features(*change(query, gallery), labels)


@pytest.mark.parametrize(
    ("distances", "message"),
    [
        (np.zeros((3, 2)), r"there are 3 and 2"),
        (np.zeros(4), r"distances: .* got shape \(4,\)"),
        (np.zeros((0, 2)), r"got shape \(0, 2\)"),
        (np.array([[0.0, 1.0], [np.nan, 0.0]]), r"distances: 1 of 2 rows .* \(row 1\)"),
    ],
)
def test_wrong_distances(distances, message):
    with pytest.raises(ValueError, match=message):
        rank_distances(distances, make_labels([1, 1], [0, 0], [1, 2], [1, 1]))


@pytest.mark.parametrize(
    ("vectors", "error", "message"),
    [
        (([1], [0, 0], [1], [1]), ValueError, "query labels: 1 person labels but 2 camera"),
        (([1], [0], [1, 2], [1]), ValueError, "gallery labels: 2 person labels but 1 camera"),
        (([], [], [1], [1]), ValueError, "query person labels: empty"),
        (([[1]], [0], [1], [1]), ValueError, r"query person labels: shape \(N,\) is needed"),
    ],
)
def test_wrong_labels(vectors, error, message):
    with pytest.raises(error, match=message):
        make_labels(*vectors)


def test_labels_that_are_no_integers():
    one = np.array([1])
    with pytest.raises(TypeError, match=r"gallery camera labels: integers are needed, got .*64"):
        RetrievalLabels(one, one, one, np.array([1.5]))


def test_no_query_with_a_match():
    labels = make_labels([1, 2], [0, 0], [1, 3], [0, 1])
    with pytest.raises(ValueError, match="none of the 2 queries has a match in the gallery"):
        rank_distances(np.zeros((2, 2)), labels)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"protocol": "mars"}, "unknown protocol 'mars': choose one of market1501, cuhk03"),
        ({"max_rank": 0}, "max_rank must be at least 1, got 0"),
        ({"top_k": -1}, "top_k must be at least 0, got -1"),
        ({"repeats": 0}, "repeats must be at least 1, got 0"),
        ({"block_rows": 0}, "block_rows must be at least 1, got 0"),
    ],
)
def test_wrong_options(option, message):
    query, gallery, labels = good()
    with pytest.raises(ValueError, match=message):
        rank_features(query, gallery, labels, options=RankingOptions(**option))


def test_wrong_metric():
    with pytest.raises(ValueError, match="unknown metric 'dot': choose one of cosine, euclidean"):
        rank_features(*good(), metric="dot")


def test_wrong_rank():
    with pytest.raises(ValueError, match="CMC ranks start at 1, got 0"):
        rank_features(*good()).rank(0)
