import numpy as np
import pytest
import torch
from fastreid.utils.compute_dist import compute_jaccard_distance
from hypothesis import given, settings
from hypothesis import strategies as st
from mdpr.evaluation import RerankedDistances, RerankOptions, RetrievalFeatures, rank, rank_distances
from support.retrieval_by_loops import (
    cosine_distances,
    euclidean_distances,
    jaccard_distances,
    random_problem,
    rank_by_loops,
)

CLOSE = {"rtol": 0, "atol": 1e-5}


def reranked(query, gallery, metric="cosine", options=None):
    return RerankedDistances(RetrievalFeatures.from_features(query, gallery, metric), options=options)


def all_rows(source, block_rows=None):
    block_rows = block_rows or source.num_query
    return np.concatenate(
        [
            source.rows(start, min(start + block_rows, source.num_query)).numpy().copy()
            for start in range(0, source.num_query, block_rows)
        ]
    )


def unit(features):
    return features / np.linalg.norm(features.astype(np.float64), axis=1, keepdims=True)


def expected_distances(query, gallery, metric, options):
    if metric == "cosine":
        original, images = cosine_distances(query, gallery), unit(np.concatenate([query, gallery]))
    else:
        original = euclidean_distances(query, gallery)
        images = np.concatenate([query, gallery]).astype(np.float64)
    jaccard = jaccard_distances(images, k1=options.k1, k2=options.k2)
    jaccard = jaccard[: len(query), len(query) :]
    return jaccard * (1 - options.original_weight) + original * options.original_weight


OPTIONS = [
    RerankOptions(),
    RerankOptions(k1=7, k2=3, original_weight=0.5),
    RerankOptions(k1=5, k2=1, original_weight=0.0),
    RerankOptions(k1=1, k2=1),
    RerankOptions(k1=4, k2=9, original_weight=1.0),
    RerankOptions(k1=9, k2=6),
]


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_equals_plain_dense_implementation(metric, options):
    query, gallery, _ = random_problem(1, num_query=15, num_gallery=60)
    source = reranked(query, gallery, metric, options)
    expected = expected_distances(query, gallery, metric, options)
    np.testing.assert_allclose(all_rows(source), expected, **CLOSE)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_equals_fastreid(metric, options):
    query, gallery, _ = random_problem(2, num_query=30, num_gallery=120, dimension=24)
    images = np.concatenate([query, gallery])
    if metric == "cosine":
        images = unit(images).astype(np.float32)
    # The one of fast-reid's search options that runs on a CPU.
    jaccard = compute_jaccard_distance(
        torch.from_numpy(images), k1=options.k1, k2=options.k2, search_option=3
    )[: len(query), len(query) :]
    original = {"cosine": cosine_distances, "euclidean": euclidean_distances}[metric]
    weight = options.original_weight
    expected = jaccard * (1 - weight) + original(query, gallery) * weight
    source = reranked(query, gallery, metric, options)
    np.testing.assert_allclose(all_rows(source), expected, **CLOSE)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(1, 6),
    st.integers(1, 20),
    st.integers(1, 9),
    st.integers(1, 4),
)
def test_duplicates_and_tiny_sets(seed, num_query, num_gallery, k1, k2):
    random = np.random.default_rng(seed)
    images = random.integers(0, 3, (num_query + num_gallery, 3)).astype(np.float32)
    query, gallery = images[:num_query], images[num_query:]
    options = RerankOptions(k1=k1, k2=k2)
    source = reranked(query, gallery, "euclidean", options)
    expected = expected_distances(query, gallery, "euclidean", options)
    np.testing.assert_allclose(all_rows(source), expected, **CLOSE)


def test_more_copies_than_neighbours_keep_finite_distances():
    gallery = np.repeat(np.eye(3, dtype=np.float32), 30, axis=0)
    distances = all_rows(reranked(np.eye(3, dtype=np.float32), gallery))
    assert np.isfinite(distances).all()
    assert distances.min() >= 0


def test_ranking_equals_plain_loops():
    query, gallery, labels = random_problem(3)
    result = rank(reranked(query, gallery), labels)
    expected = expected_distances(query, gallery, "cosine", RerankOptions())
    cmc, precisions, _, _ = rank_by_loops(expected, labels)
    np.testing.assert_allclose(result.cmc, cmc, atol=1e-6)
    np.testing.assert_allclose(result.average_precision, precisions, atol=1e-6)


def test_block_size_and_threads_change_no_bit():
    query, gallery, labels = random_problem(4, num_query=70)
    threads = torch.get_num_threads()
    distances = []
    for num_threads in (1, 2):
        torch.set_num_threads(num_threads)
        source = reranked(query, gallery)
        distances += [all_rows(source, block_rows) for block_rows in (1, 33, None)]
    torch.set_num_threads(threads)
    for other in distances[1:]:
        np.testing.assert_array_equal(distances[0], other)
    np.testing.assert_array_equal(
        rank(source, labels).average_precision,
        rank_distances(distances[0], labels).average_precision,
    )


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"k1": 0}, "re-ranking: k1 must be at least 1, got 0"),
        ({"k2": 0}, "re-ranking: k2 must be at least 1, got 0"),
        ({"original_weight": 1.5}, r"re-ranking: lambda must lie in \[0, 1\], got 1.5"),
    ],
)
def test_wrong_options(option, message):
    with pytest.raises(ValueError, match=message):
        RerankOptions(**option)


def test_wrong_features():
    query, gallery, _ = random_problem(0)
    gallery[4] = 0
    with pytest.raises(ValueError, match=r"gallery features: 1 of 80 rows have zero norm \(row 4\)"):
        reranked(query, gallery)
    gallery[4] = np.nan
    with pytest.raises(ValueError, match=r"gallery features: 1 of 80 rows hold NaN"):
        reranked(query, gallery, "euclidean")
