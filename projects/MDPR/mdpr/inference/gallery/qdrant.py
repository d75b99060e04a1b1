"""A gallery in Qdrant, for more images than one machine takes: the calls of `Gallery`."""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import NAMESPACE_URL, uuid5

import numpy as np
from numpy.typing import NDArray

from mdpr.errors import GalleryError
from mdpr.inference.gallery.gallery import Gallery
from mdpr.inference.gallery.search import SPARE, Answer, Match, answer_of, check_question, reranked
from mdpr.inference.gallery.storage import Images

try:
    from qdrant_client import QdrantClient, models
except ImportError as error:
    raise GalleryError(f"qdrant_client cannot be imported ({error}): pip install 'mdpr[qdrant]'") from error

if TYPE_CHECKING:
    from mdpr.inference.embedder import Embedder

_WAYS: Final = ("best", "image")


class QdrantGallery(Gallery):
    """Images of persons in a collection of Qdrant, which shards, replicates, indexes and keeps them.

    What differs from `Gallery`: an add is a request, which Qdrant's own log makes safe on each of its
    machines, but not one step on all of them; writers do not exclude one another; and no centroids answer.

    Args:
        path: ``http://host:6333/COLLECTION``, or a folder for Qdrant's local mode, which compares all.
        embedder: makes features of images; None where features are given.
        wait: seconds that a request may take.

    Raises:
        GalleryError: there is no such collection, or one of another model.
    """

    def __init__(self, path: str | Path, embedder: "Embedder | None" = None, *, wait: float = 60.0) -> None:
        self._client, self._name = _connected(path, wait)
        self.path, self._embedder = Path(path), embedder
        if not self._client.collection_exists(self._name):
            self.close()
            raise GalleryError(f"{path} is no gallery: make one by QdrantGallery.create")
        if embedder is not None:
            self._check_model(embedder.fingerprint)

    @classmethod
    def create(
        cls,
        path: str | Path,
        embedder: "Embedder | None" = None,
        *,
        dimension: int | None = None,
        fingerprint: str | None = None,
        index: str = "HNSW",
        tuning: str = "{}",
    ) -> "QdrantGallery":
        """Make an empty gallery, as `Gallery.create` does.

        Qdrant has the index HNSW alone; ``tuning`` is JSON of further arguments of its ``create_collection``,
        such as ``{"shard_number": 6}``.

        Raises:
            GalleryError: no dimension, another index, or a collection that is there already.
        """
        if embedder is not None:
            dimension, fingerprint = embedder.dimension, embedder.fingerprint
        client, name = _connected(path, 60.0)
        try:
            taken = client.collection_exists(name)
            if not dimension or index != "HNSW" or taken:
                there = "is there already" if taken else f"with dimension {dimension} and index {index}"
                raise GalleryError(f"{path} {there}: expected a new gallery, a dimension, and HNSW")
            vectors = models.VectorParams(size=dimension, distance=models.Distance.COSINE)
            facts = {"dimension": dimension, "fingerprint": fingerprint}
            client.create_collection(name, vectors, metadata=facts, **json.loads(tuning))
            for field in ("person", "group") if str(path).startswith("http") else ():
                client.create_payload_index(name, field, models.PayloadSchemaType.KEYWORD)
        finally:
            client.close()
        return cls(path, embedder)

    def close(self) -> None:
        """End the connection."""
        self._client.close()

    def __len__(self) -> int:
        return self._client.count(self._name).count

    def remove(self, ids: Sequence[str]) -> None:
        """Remove images, as of `Gallery.remove`."""
        missing = set(ids) - {point.payload["id"] for point in self._found(ids)}
        if missing:
            raise GalleryError(f"{self.path} has no image {min(missing)!r}; nothing was removed")
        self._client.delete(self._name, [_point(each) for each in ids])

    def ids_of(self, person: str | None) -> list[str]:
        """The images of a person, or of nobody known."""
        wanted: Any = models.IsNullCondition(is_null=models.PayloadField(key="person"))
        if person is not None:
            wanted = models.FieldCondition(key="person", match=models.MatchValue(value=person))
        points, _ = self._client.scroll(self._name, models.Filter(must=[wanted]), limit=len(self) + 1)
        return [point.payload["id"] for point in points]

    def info(self, *, verify: bool = False) -> dict[str, Any]:
        """What there is; Qdrant verifies what it reads by itself."""
        return {"images": len(self), **self._facts}

    def compact(self, **changes: str) -> None:
        """Nothing: Qdrant does so by itself."""

    @property
    def _facts(self) -> Mapping[str, Any]:
        return self._client.get_collection(self._name).config.metadata

    def _found(self, ids: Sequence[str]) -> Any:
        return self._client.retrieve(self._name, [_point(each) for each in ids], with_payload=["id"])

    def _store(self, images: Images) -> None:
        features, ids, persons, extras = images
        if len(set(ids)) < len(ids) or self._found(ids):
            raise GalleryError(
                f"{self.path} would have two images of one of {len(ids)} ids; nothing was added"
            )
        payloads = [
            {
                "id": each,
                "person": person,
                "group": f"image {each}" if person is None else f"person {person}",
                "metadata": json.loads(metadata or "{}"),
                "thumbnail": b64encode(thumbnail).decode(),
            }
            for each, person, metadata, thumbnail in zip(ids, persons, extras[::2], extras[1::2], strict=True)
        ]
        points = models.Batch(
            ids=[_point(each) for each in ids], vectors=features.tolist(), payloads=payloads
        )
        self._client.upsert(self._name, points)

    def _answer(
        self, queries: NDArray[np.float32], top_k: int, by: str, threshold: float | None, rerank: int
    ) -> list[Answer]:
        check_question(top_k, by, rerank, _WAYS)
        answers = []
        for query in queries:
            if by == "best" and not rerank:
                groups = self._client.query_points_groups(
                    self._name, "group", query.tolist(), limit=top_k, group_size=1, with_payload=True
                )
                points = [group.hits[0] for group in groups.groups]
            else:
                points = self._reranked(query, max(SPARE * top_k, rerank), rerank)
            if by == "best":
                first: dict[str, Any] = {}
                for point in points:
                    first.setdefault(point.payload["group"], point)
                points = list(first.values())
            answers.append(answer_of([_match(point) for point in points[:top_k]], threshold))
        return answers

    def _reranked(self, query: NDArray[np.float32], count: int, rerank: int) -> list[Any]:
        points = self._client.query_points(
            self._name, query.tolist(), limit=count, with_payload=True, with_vectors=rerank > 0
        ).points
        if len(points) < 2 or not rerank:
            return points
        vectors = np.array([point.vector for point in points], np.float32)
        return [points[place] for place in reranked(query, np.arange(len(points)), vectors, rerank)]


def _connected(path: str | Path, wait: float) -> tuple[QdrantClient, str]:
    """A client, and the name of the collection."""
    if not str(path).startswith(("http://", "https://")):
        return QdrantClient(path=str(path)), "gallery"
    server, _, name = str(path).rstrip("/").rpartition("/")
    return QdrantClient(url=server, timeout=round(wait)), name


def _point(image: str) -> str:
    """Qdrant's names are numbers or UUIDs."""
    return str(uuid5(NAMESPACE_URL, image))


def _match(point: Any) -> Match:
    facts = point.payload
    thumbnail = b64decode(facts["thumbnail"])
    return Match(facts["id"], facts["person"], float(point.score), facts["metadata"], thumbnail)
