"""Answers against plain loops over all images."""

import numpy as np
import pytest
from mdpr.errors import GalleryError
from mdpr.inference.gallery import Gallery
from support.retrieval_by_loops import cosine_distances, jaccard_distances

D, PERSONS = 16, 40


def drawn(count, seed):
    """Features of some persons, and who they are; nobody knows of every seventh."""
    random = np.random.default_rng(seed)
    of = random.integers(0, PERSONS, count)
    centres = np.random.default_rng(99).standard_normal((PERSONS, D))
    features = (centres[of] + 0.5 * random.standard_normal((count, D))).astype(np.float32)
    return features, [None if place % 7 == 0 else f"p{person}" for place, person in enumerate(of)]


FEATURES, PEOPLE = drawn(300, 0)
QUERIES, _ = drawn(12, 1)
REMOVED = set(range(10, 300, 9))


def unit(vector):
    return vector / np.sqrt(sum(float(value) ** 2 for value in vector))


def by_loops(query, by, top_k):
    """(id, person, similarity) of the matches of a query, by comparing it with one image after another."""
    groups = {}
    for row in set(range(300)) - REMOVED:
        person = PEOPLE[row]
        groups.setdefault(row if person is None or by == "image" else person, []).append(row)
    scored = []
    for rows in groups.values():
        similarity = {row: float(unit(FEATURES[row]) @ unit(query)) for row in rows}
        best = max(similarity, key=similarity.get)
        score = similarity[best]
        if by == "centroid":
            score = float(unit(sum(unit(FEATURES[row]) for row in rows)) @ unit(query))
        scored.append((score, best))
    return [(f"i{row}", PEOPLE[row], score) for score, row in sorted(scored, reverse=True)[:top_k]]


@pytest.fixture(scope="module")
def galleries(tmp_path_factory):
    """The same images, compared all; by an index that visits every cell, of some of them; and compacted."""
    made = {}
    for name, index in {"exact": "Flat", "indexed": "IVF8,Flat", "compacted": "HNSW16"}.items():
        tuning = {"indexed": "nprobe=8", "compacted": "efSearch=300"}.get(name, "")
        path = tmp_path_factory.mktemp(name) / "gallery"
        gallery = Gallery.create(path, dimension=D, index=index, tuning=tuning)
        for part in (range(200), range(200, 300)):
            gallery.add(FEATURES[part], [f"i{row}" for row in part], person=[PEOPLE[row] for row in part])
            if part.start == 0 and name == "indexed":
                gallery.compact()
        gallery.remove([f"i{row}" for row in REMOVED])
        if name == "compacted":
            gallery.compact()
        made[name] = gallery
    return made


@pytest.mark.parametrize(
    ("name", "indexed"), [("exact", 0), ("indexed", 200), ("compacted", 300 - len(REMOVED))]
)
@pytest.mark.parametrize("by", ["best", "centroid", "image"])
@pytest.mark.parametrize("top_k", [3, 100])
def test_matches_are_those_of_a_loop(galleries, name, indexed, by, top_k):
    gallery = galleries[name]
    assert gallery.info()["indexed"] == indexed
    for query, answer in zip(QUERIES, gallery.query(QUERIES, top_k=top_k, by=by), strict=True):
        expected = by_loops(query, by, top_k)
        assert [(match.id, match.person) for match in answer.matches] == [each[:2] for each in expected]
        np.testing.assert_allclose(
            [match.similarity for match in answer.matches], [each[2] for each in expected], atol=1e-5
        )


def test_reranking_puts_the_nearest_into_a_new_order(galleries):
    changed = 0
    for query, answer in zip(
        QUERIES, galleries["exact"].query(QUERIES, by="image", top_k=50, rerank=40), strict=True
    ):
        plain = [int(each[0][1:]) for each in by_loops(query, "image", 50)]
        nearest = np.array([query, *FEATURES[plain[:40]]], np.float32)
        nearest /= np.linalg.norm(nearest, axis=1, keepdims=True)
        distances = 0.7 * jaccard_distances(nearest, k1=20, k2=6)[0, 1:]
        distances += 0.3 * cosine_distances(nearest[:1], nearest[1:])[0]
        found = [int(match.id[1:]) for match in answer.matches]
        assert sorted(found[:40]) == sorted(plain[:40]) and found[40:] == plain[40:]
        by_row = dict(zip(plain, distances, strict=False))
        assert np.all(np.diff([by_row[row] for row in found[:40]]) > -1e-5)
        changed += found != plain
    assert changed > 6
    (first, *_) = galleries["exact"].query(QUERIES, by="centroid", rerank=30)
    assert len({match.person or match.id for match in first.matches}) == 10


def test_below_the_threshold_nobody_is_known(galleries):
    gallery = galleries["exact"]
    near, far = gallery.query(np.array([FEATURES[1], -FEATURES[1]]), threshold=0.95)
    assert (near.unknown, near.person) == (False, PEOPLE[1])
    assert (far.unknown, far.person) == (True, None)
    assert far.matches[0].similarity < 0.95 and far.as_dict()["matches"][0]["id"] == far.matches[0].id


def test_of_few_persons_all_answer(tmp_path):
    gallery = Gallery.create(tmp_path, dimension=2)
    assert gallery.query(np.ones((1, 2))) == gallery.query(np.ones((1, 2)), by="centroid")
    assert gallery.query(np.ones((1, 2)))[0].unknown
    angles = np.linspace(0, 1, 500)
    features = np.stack([np.cos(angles), np.sin(angles)], 1)
    gallery.add(features, [str(place) for place in range(500)], person=["a"] * 499 + ["b"])
    (answer,) = gallery.query(np.array([[1.0, 0.0]]))
    assert [(match.id, match.person) for match in answer.matches] == [("0", "a"), ("499", "b")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"by": "mean"}, "by 'mean'"), ({"top_k": 0}, "top_k 0"), ({"rerank": -1}, "rerank -1")],
)
def test_a_wrong_argument_is_named(galleries, arguments, message):
    with pytest.raises(GalleryError, match=message):
        galleries["exact"].query(QUERIES, **arguments)
