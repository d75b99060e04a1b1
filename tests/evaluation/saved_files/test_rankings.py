import numpy as np
import pytest
from mdpr.evaluation import (
    RankingOptions,
    SavedRankings,
    load_rankings,
    rank_features,
    save_rankings,
)
from support.retrieval_by_loops import cosine_distances, kept_order, random_problem, rank_by_loops

LENGTH = 78  # some queries have fewer gallery images than that left


@pytest.fixture(scope="module")
def problem():
    return random_problem(0)


@pytest.fixture
def rankings(problem):
    query, gallery, labels = problem
    result = rank_features(query, gallery, labels, options=RankingOptions(top_k=LENGTH))
    return SavedRankings.of(result, labels, [f"folder/{i}.jpg" for i in range(100)])


def test_what_is_saved_is_loaded(tmp_path, rankings):
    path = save_rankings(tmp_path / "Duke_rankings.npz", rankings)
    loaded = load_rankings(path)
    for name in vars(rankings):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(rankings, name))
    assert [file.name for file in tmp_path.iterdir()] == ["Duke_rankings.npz"]


def test_contents_equal_plain_loops(problem, rankings):
    query, gallery, labels = problem
    distances = cosine_distances(query, gallery)
    _, precisions, penalties, _ = rank_by_loops(distances, labels)
    np.testing.assert_allclose(rankings.average_precision, precisions)
    np.testing.assert_allclose(rankings.inverse_negative_penalty, penalties)
    short = 0
    for q in range(20):
        order = kept_order(distances, labels, q)[:LENGTH]
        rest = LENGTH - len(order)
        short += rest > 0
        assert rankings.ranked[q].tolist() == order + [-1] * rest
        np.testing.assert_allclose(rankings.distance[q], [*distances[q, order], *[np.nan] * rest], atol=1e-7)
        matches = [labels.gallery_person[c] == labels.query_person[q] for c in order]
        assert rankings.is_match[q].tolist() == matches + [False] * rest
        assert rankings.first_match_rank[q] == matches.index(True)
    assert short
    np.testing.assert_array_equal(rankings.query_camera, labels.query_camera)
    assert rankings.gallery_path[3] == "folder/23.jpg"


def test_without_paths(problem):
    query, gallery, labels = problem
    result = rank_features(query, gallery, labels, options=RankingOptions(top_k=3))
    assert set(SavedRankings.of(result, labels).gallery_path) == {""}


def test_wrong_input(problem, rankings, tmp_path):
    query, gallery, labels = problem
    plain = rank_features(query, gallery, labels)
    with pytest.raises(ValueError, match="without nearest images"):
        SavedRankings.of(plain, labels)
    kept = rank_features(query, gallery, labels, options=RankingOptions(top_k=3))
    with pytest.raises(ValueError, match="99 paths for 100 images"):
        SavedRankings.of(kept, labels, ["x"] * 99)
    arrays = vars(rankings)
    for changes, error, message in (
        ({"ranked": arrays["ranked"] + 3}, ValueError, "images are 0 to 79 or -1, got 2 to 82"),
        ({"distance": arrays["distance"][1:]}, ValueError, r"19 entries for 20 rows of 'ranked'"),
        ({"query_path": np.zeros(20)}, TypeError, "dtype str is needed, got float64"),
    ):
        np.savez(tmp_path / "wrong.npz", **(arrays | changes))
        with pytest.raises(error, match=rf"wrong\.npz: array '{next(iter(changes))}': .*{message}"):
            load_rankings(tmp_path / "wrong.npz")
