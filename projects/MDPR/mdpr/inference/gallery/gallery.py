"""Known images of persons on the disk, and who is on a new one."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mdpr.errors import GalleryError
from mdpr.inference.gallery.folder import GalleryFolder, create_folder
from mdpr.inference.gallery.images import embed, is_features, unit_features
from mdpr.inference.gallery.index import EXACT
from mdpr.inference.gallery.search import Answer, Search
from mdpr.inference.gallery.storage import Images

if TYPE_CHECKING:
    from mdpr.inference.embedder import Embedder


class Gallery:
    """Images of persons in a folder: ids, persons, metadata, thumbnails, and features of one model.

    Many processes may read while one writes: an operation sees all adds and removals that were complete
    when it began, and nothing of any other. The operations of one object follow one another, whatever
    thread calls them.

    Args:
        path: the folder, made by `create`.
        embedder: makes features of images (`mdpr.Embedder`); None where features are given.
        wait: seconds that a write waits for another writer before it is an error.

    Raises:
        GalleryError: there is no gallery, one of another format, a damaged one, or one of another model.
    """

    def __init__(self, path: str | Path, embedder: "Embedder | None" = None, *, wait: float = 5.0) -> None:
        self.path, self._embedder, self._mutex = Path(path), embedder, RLock()
        self._folder = GalleryFolder(self.path, wait)
        self._search: tuple[Any, Any] = (None, None)  # of which state of the folder, and how
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
        index: str = EXACT,
        tuning: str = "",
    ) -> "Gallery":
        """Make an empty gallery.

        Args:
            path: a folder that is empty or missing.
            embedder: makes features of images; says dimension and fingerprint.
            dimension: D of the features, where there is no embedder.
            fingerprint: of the model that makes them; None takes those of any.
            index: faiss's name of an index: ``Flat`` compares all, exactly; ``IVF1024,Flat``,
                ``IVF1024,PQ128x4fs`` and ``HNSW32`` are for many.
            tuning: faiss's parameters of the search, such as ``nprobe=16`` or ``efSearch=64``.

        Raises:
            GalleryError: no dimension, an index that faiss does not know, or a folder that is not empty.
        """
        if embedder is not None:
            dimension, fingerprint = embedder.dimension, embedder.fingerprint
        if not dimension or dimension < 1:
            raise GalleryError(f"a gallery's dimension is {dimension}: expected 1 or more, or an embedder")
        facts = {"dimension": dimension, "fingerprint": fingerprint, "index": index, "tuning": tuning}
        create_folder(Path(path), facts, wait=5.0)
        return cls(path, embedder)

    @classmethod
    def open(cls, path: str | Path, embedder: "Embedder | None" = None, *, wait: float = 5.0) -> "Gallery":
        """Open a gallery, as ``Gallery(...)`` does."""
        return cls(path, embedder, wait=wait)

    def __enter__(self) -> "Gallery":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of what is in memory; the gallery cannot be used any more."""
        del self._folder, self._search

    def __len__(self) -> int:
        with self._mutex:
            return len(self._folder.refresh().row_of)

    def add(
        self,
        source: Any,
        ids: Sequence[str],
        *,
        person: str | Sequence[str | None] | None = None,
        metadata: Sequence[Mapping[str, Any] | None] | None = None,
        thumbnails: Sequence[bytes] | None = None,
        fingerprint: str | None = None,
    ) -> None:
        """Add N images, all or none; they are on the disk when this returns.

        Args:
            source: features (N, D), or images as an `Embedder` takes them, arrays in RGB.
            ids: a name of each, which no other image of the gallery has.
            person: whom all of them show, or whom each does; None where nobody knows.
            metadata: of each, what JSON takes.
            thumbnails: a JPEG of each, or empty; None: made of the images.
            fingerprint: of the model that made the features.

        Raises:
            GalleryError: features of another model or dimension, lists of other lengths, an id twice, or
                another writer.
            EvaluationError: features that are not finite, or of norm 0.
        """
        made: Sequence[bytes] = [b""] * len(ids)
        if not is_features(source):
            embedder = self._needed_embedder()
            source, made = embed(embedder, source)
            fingerprint = embedder.fingerprint
        features = self._checked(source, fingerprint)
        persons = [person] * len(ids) if person is None or isinstance(person, str) else person
        texts = [b""] * len(ids)
        if metadata is not None:
            texts = [json.dumps(each or {}).encode() for each in metadata]
        pictures = made if thumbnails is None else thumbnails
        lengths = {len(features), len(ids), len(persons), len(texts), len(pictures)}
        if len(lengths) > 1:
            raise GalleryError(
                f"{len(features)} features, {len(ids)} ids, {len(persons)} persons, {len(texts)} metadata "
                f"and {len(pictures)} thumbnails: expected one of each for every image"
            )
        if len(ids):
            extras = [b""] * (2 * len(ids))
            extras[::2], extras[1::2] = texts, pictures
            self._store((features, ids, persons, extras))

    def _store(self, images: Images) -> None:
        ids = images[1]
        with self._mutex, self._folder.writing() as storage:
            if len(set(ids)) < len(ids) or not storage.row_of.keys().isdisjoint(ids):
                twice = [each for each, count in Counter(ids).items() if count > 1 or each in storage.row_of]
                raise GalleryError(f"{self.path} would have two images {twice[0]!r}; nothing was added")
            storage.add(images)
            self._folder.keep_indexed(storage)

    def remove(self, ids: Sequence[str]) -> None:
        """Remove images, all or none. `compact` takes their bytes off the disk.

        Raises:
            GalleryError: an id that the gallery does not have, or another writer.
        """
        with self._mutex, self._folder.writing() as storage:
            missing = [each for each in ids if each not in storage.row_of]
            if missing:
                raise GalleryError(f"{self.path} has no image {missing[0]!r}; nothing was removed")
            if len(ids):
                storage.remove(list(dict.fromkeys(ids)))

    def ids_of(self, person: str | None) -> list[str]:
        """The images of a person, or of nobody known, in the order of adding."""
        with self._mutex:
            storage = self._folder.refresh()
            return [each for each, row in storage.row_of.items() if storage.persons[row] == person]

    def query(
        self,
        source: Any,
        *,
        top_k: int = 10,
        by: str = "best",
        threshold: float | None = None,
        rerank: int = 0,
        fingerprint: str | None = None,
    ) -> list[Answer]:
        """Find whom Q images show.

        Args:
            source: features (Q, D), or images as `add` takes them.
            top_k: matches of each.
            by: "best": persons by their nearest image; "centroid": persons by the mean of their features;
                "image": every image by itself. An image without a person stands for itself.
            threshold: cosine similarity of the first match below which the query is unknown; None: that of
                the embedder's calibration, if it has one.
            rerank: how many of the nearest k-reciprocal re-ranking puts into a new order, such as 100.
            fingerprint: of the model that made the features.

        Returns:
            An answer for each.

        Raises:
            GalleryError: features of another model or dimension, or an argument outside its range.
            EvaluationError: features that are not finite, or of norm 0.
        """
        if not is_features(source):
            embedder = self._needed_embedder()
            source, fingerprint = embedder(source), embedder.fingerprint
        queries = self._checked(source, fingerprint)
        if threshold is None and (calibration := getattr(self._embedder, "calibration", None)):
            threshold = calibration.threshold
        return self._answer(queries, top_k, by, threshold, rerank)

    def _answer(
        self, queries: NDArray[np.float32], top_k: int, by: str, threshold: float | None, rerank: int
    ) -> list[Answer]:
        with self._mutex:
            storage = self._folder.refresh()
            state = (storage, len(storage.ids), len(storage.removed), self._folder.index_file)
            if self._search[0] != state:
                self._search = state, Search(storage, self._folder.index)
            return self._search[1].answers(queries, top_k, by, threshold, rerank)

    def info(self, *, verify: bool = False) -> dict[str, Any]:
        """What there is; ``verify`` reads every byte and compares it with its checksum.

        Raises:
            GalleryError: it is damaged.
        """
        with self._mutex:
            storage = self._folder.refresh()
            if verify:
                storage.verify()
            persons = {storage.persons[row] for row in storage.row_of.values()} - {None}
            index, files = self._folder.index, (*storage.files, storage.index_file)
            return {
                "images": len(storage.row_of),
                "persons": len(persons),
                "removed": len(storage.removed),
                "indexed": 0 if index is None else index.ntotal,
                "bytes": sum(file.stat().st_size for file in files if file.exists()),
                **self._folder.facts,
            }

    def compact(self, **changes: str) -> None:
        """Write the gallery anew without what was removed, and build its index on all that is there.

        Args:
            **changes: another ``index`` or ``tuning`` from now on, see `create`.

        Raises:
            GalleryError: an index that faiss does not know, or another writer.
        """
        with self._mutex, self._folder.writing() as storage:
            self._folder.compact(storage, changes)

    @property
    def _facts(self) -> Mapping[str, Any]:
        """What `create` was told."""
        return self._folder.facts

    def _needed_embedder(self) -> "Embedder":
        if self._embedder is None:
            raise GalleryError("images need a model: --model FILE, or an embedder where it is opened")
        return self._embedder

    def _checked(self, features: Any, fingerprint: str | None) -> NDArray[np.float32]:
        self._check_model(fingerprint)
        return unit_features(features, self._facts["dimension"], self.path)

    def _check_model(self, fingerprint: str | None) -> None:
        own = self._facts["fingerprint"]
        if own not in (None, fingerprint):
            other = fingerprint or "one without a fingerprint"
            raise GalleryError(f"{self.path} has features of model {own}; these are of {other}")
