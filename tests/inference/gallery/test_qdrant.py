"""The same calls over Qdrant's local mode give the same answers."""

import numpy as np
import pytest
from mdpr.errors import GalleryError
from mdpr.inference.gallery import Gallery

pytest.importorskip("qdrant_client", reason="the extra [qdrant] is not installed")
from mdpr.inference.gallery.qdrant import QdrantGallery

D = 8
RANDOM = np.random.default_rng(0)
FEATURES = RANDOM.standard_normal((80, D)).astype(np.float32)
PERSONS = [None if row % 5 == 0 else f"p{row % 7}" for row in range(80)]
QUERIES = RANDOM.standard_normal((5, D)).astype(np.float32)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    path = tmp_path_factory.mktemp("galleries")
    facts = {"dimension": D, "fingerprint": "one"}
    galleries = Gallery.create(path / "ours", **facts), QdrantGallery.create(path / "qdrant", **facts)
    for gallery in galleries:
        for rows in (range(50), range(50, 80)):
            gallery.add(
                FEATURES[rows],
                [f"i{row}" for row in rows],
                person=[PERSONS[row] for row in rows],
                metadata=[{"row": row} for row in rows],
                thumbnails=[b"x" * row for row in rows],
                fingerprint="one",
            )
        gallery.remove(["i3", "i60"])
    yield galleries
    galleries[1].close()


@pytest.mark.parametrize("by", ["best", "image"])
@pytest.mark.parametrize("rerank", [0, 80])
def test_answers_are_the_same(both, by, rerank):
    ours, theirs = (
        gallery.query(QUERIES, top_k=6, by=by, rerank=rerank, threshold=0.8, fingerprint="one")
        for gallery in both
    )
    for one, other in zip(ours, theirs, strict=True):
        assert [(match.id, match.person, match.metadata, match.thumbnail) for match in one.matches] == [
            (match.id, match.person, match.metadata, match.thumbnail) for match in other.matches
        ]
        np.testing.assert_allclose(
            [match.similarity for match in one.matches],
            [match.similarity for match in other.matches],
            atol=1e-5,
        )
        assert one.unknown == other.unknown


def test_images_are_the_same(both):
    ours, theirs = both
    assert len(ours) == len(theirs) == theirs.info()["images"] == 78
    for person in ("p1", None, "nobody"):
        assert sorted(theirs.ids_of(person)) == sorted(ours.ids_of(person))


def test_what_does_not_fit_is_refused(both, tmp_path):
    _, gallery = both
    for wrong, message in (
        (lambda: gallery.add(FEATURES[:1], ["i1"], fingerprint="one"), "two images"),
        (lambda: gallery.add(FEATURES[:1], ["new"], fingerprint="two"), "of model one; these are of two"),
        (lambda: gallery.add(FEATURES[:1, :3], ["new"], fingerprint="one"), "dimension 8, these have 3"),
        (lambda: gallery.remove(["i1", "i3"]), "no image 'i3'"),
        (lambda: gallery.query(QUERIES, by="centroid", fingerprint="one"), "by 'centroid'"),
        (lambda: QdrantGallery(tmp_path / "none"), "is no gallery"),
        (lambda: QdrantGallery.create(tmp_path / "none", dimension=2, index="Flat"), "index Flat"),
    ):
        with pytest.raises(GalleryError, match=message):
            wrong()
    assert len(gallery) == 78


def test_it_is_there_when_opened_again(tmp_path):
    QdrantGallery.create(tmp_path, dimension=2).close()
    with QdrantGallery.open(tmp_path) as gallery:
        gallery.add(np.ones((1, 2)), ["a"], person="p")
    with QdrantGallery(tmp_path) as gallery:
        assert gallery.query(np.ones((1, 2)))[0].person == "p"
    with pytest.raises(GalleryError, match="is there already"):
        QdrantGallery.create(tmp_path, dimension=2)
