"""From features to answers: the nearest images, whose they are, and whether that is near enough.

Letters: Q queries, N rows, D dimension, G persons.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from mdpr.errors import GalleryError
from mdpr.evaluation import RerankedDistances, RetrievalFeatures
from mdpr.inference.gallery.index import nearest_rows
from mdpr.inference.gallery.storage import Storage

WAYS: Final = ("best", "centroid", "image")
SPARE: Final = 4  # images looked at for each that is asked for: a person has several, and some are removed


@dataclass(frozen=True)
class Match:
    """An image of the gallery, or a person.

    Attributes:
        id: of the image; of a person's, the one nearest to the query.
        person: whom it shows; None where nobody knows.
        similarity: cosine, in [-1, 1], of the query and the image, or the person's centroid.
        metadata: what was added with the image.
        thumbnail: of the image, JPEG; empty where there is none.
    """

    id: str
    person: str | None
    similarity: float
    metadata: dict[str, Any]
    thumbnail: bytes = field(repr=False)


@dataclass(frozen=True)
class Answer:
    """What a query found.

    Attributes:
        matches: the best first.
        unknown: whether the first is below the threshold, or there is none.
    """

    matches: tuple[Match, ...]
    unknown: bool

    @property
    def person(self) -> str | None:
        """Whom the query shows; None where that is not known."""
        return None if self.unknown else self.matches[0].person

    def as_dict(self) -> dict[str, Any]:
        """All but the pictures, as JSON takes it."""
        matches = [asdict(match) for match in self.matches]
        for match in matches:
            del match["thumbnail"]
        return {"person": self.person, "unknown": self.unknown, "matches": matches}


class Search:
    """Answers from the images as they are now; ``index`` is of the first rows, or None."""

    def __init__(self, storage: Storage, index: Any) -> None:
        self._storage, self._index = storage, index
        self._features, self._live = storage.features, storage.live

    def answers(
        self, queries: NDArray[np.float32], top_k: int, by: str, threshold: float | None, rerank: int
    ) -> list[Answer]:
        """Answer queries (Q, D) of norm 1; see `Gallery.query`."""
        check_question(top_k, by, rerank)
        if not self._live.any():
            return [Answer((), True) for _ in queries]
        if by == "centroid":
            found = self._centroids_of(queries, top_k, rerank)
        else:
            found = self._images_of(queries, top_k, rerank, each_image=by == "image")
        return [self._answer(ranked, threshold) for ranked in found]

    def _images_of(self, queries: Any, top_k: int, rerank: int, each_image: bool) -> list[Any]:
        """Rows and similarities of each query's images: of all, or of the nearest one of each person."""
        total = len(self._features)
        found: list[list[int]] = [[]] * len(queries)
        count, short = max(SPARE * top_k, rerank), list(range(len(queries)))
        while short:
            nearest = nearest_rows(queries[short], self._features, min(count, total), self._index)
            for number, rows in zip(short, nearest, strict=True):
                kept = rows[(rows >= 0) & self._live[rows]]
                kept = reranked(queries[number], kept, self._features, rerank)
                found[number] = self._first_of_each(kept.tolist(), each_image)[:top_k]
            short = [number for number in short if len(found[number]) < top_k and count < total]
            if short:
                most = np.count_nonzero(self._live) if each_image else len(self._persons[1]) - 1
                short = [number for number in short if len(found[number]) < most]
            count *= SPARE
        pairs = zip(queries, found, strict=True)
        return [[(row, self._features[row] @ query) for row in rows] for query, rows in pairs]

    def _first_of_each(self, rows: list[int], each_image: bool) -> list[int]:
        if each_image:
            return rows
        first: dict[str | int, int] = {}
        for row in rows:
            first.setdefault(self._key(row), row)
        return list(first.values())

    def _key(self, row: int) -> str | int:
        """Of the person; an image that nobody knows the person of stands for itself."""
        person = self._storage.persons[row]
        return row if person is None else person

    def _centroids_of(self, queries: Any, top_k: int, rerank: int) -> list[Any]:
        """For each query, the nearest rows of those with the nearest centroids, and their similarities."""
        nearest = nearest_rows(queries, self._centroids, min(max(top_k, rerank), len(self._centroids)))
        order, starts = self._persons
        found = []
        for query, persons in zip(queries, nearest, strict=True):
            ranked = reranked(query, persons, self._centroids, rerank)[:top_k]
            own = [order[starts[person] : starts[person + 1]] for person in ranked]
            rows = [rows[np.argmax(self._features[rows] @ query)] for rows in own]
            found.append(list(zip(rows, self._centroids[ranked] @ query, strict=True)))
        return found

    @cached_property
    def _persons(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The rows that are not removed, person by person, and where each of G persons begins, (G + 1,)."""
        rows = np.flatnonzero(self._live)
        codes: dict[str | int, int] = {}
        code = np.array([codes.setdefault(self._key(row), len(codes)) for row in rows.tolist()])
        return rows[np.argsort(code, kind="stable")], np.concatenate([[0], np.cumsum(np.bincount(code))])

    @cached_property
    def _centroids(self) -> NDArray[np.float32]:
        """(G, D) means of the features of each person, brought to norm 1."""
        order, starts = self._persons
        ones, shape = np.ones(len(order), np.float32), (len(starts) - 1, len(self._features))
        sums = csr_array((ones, order, starts), shape) @ self._features
        return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), np.finfo(np.float32).tiny)

    def _answer(self, ranked: list[tuple[int, float]], threshold: float | None) -> Answer:
        matches = []
        for row, similarity in ranked:
            metadata, thumbnail = self._storage.extras(row)
            facts = json.loads(metadata) if metadata else {}
            person = self._storage.persons[row]
            matches.append(Match(self._storage.ids[row], person, float(similarity), facts, thumbnail))
        return answer_of(matches, threshold)


def answer_of(matches: Sequence[Match], threshold: float | None) -> Answer:
    """The answer that matches, best first, are."""
    unknown = not matches or (threshold is not None and matches[0].similarity < threshold)
    return Answer(tuple(matches), unknown)


def check_question(top_k: int, by: str, rerank: int, ways: Sequence[str] = WAYS) -> None:
    """
    Raises:
        GalleryError: an argument of a query outside its range.
    """
    if by not in ways or top_k < 1 or rerank < 0:
        allowed = f"one of {', '.join(ways)}, 1 or more, 0 or more"
        raise GalleryError(f"by {by!r}, top_k {top_k}, rerank {rerank}: expected {allowed}")


def reranked(query: Any, rows: NDArray[np.int64], features: Any, most: int) -> NDArray[np.int64]:
    """The first ``most`` rows in the order of their re-ranked distances to the query, before the others."""
    first = rows[:most]
    if len(first) < 2:
        return rows
    distances = RerankedDistances(RetrievalFeatures.from_features(query[None], features[first])).rows(0, 1)
    return np.concatenate([first[np.argsort(distances[0].numpy(), kind="stable")], rows[most:]])
