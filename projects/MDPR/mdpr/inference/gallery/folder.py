"""A gallery's folder: which generation counts, who may write, and the index beside it.

``gallery.json`` names the generation. To compact is to write the next one, and then to replace that file.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from mdpr.errors import GalleryError
from mdpr.files import remove_leftovers, write_atomically
from mdpr.inference.gallery.index import EXACT, build_index, make_index, read_index
from mdpr.inference.gallery.lock import writer_lock
from mdpr.inference.gallery.storage import Storage

_FORMAT: Final = 1
_FEW: Final = 1000  # rows that need no index
_UNINDEXED: Final = 0.2  # of the rows, above which an add builds the index anew


def create_folder(folder: Path, facts: Mapping[str, Any], wait: float) -> None:
    """Make an empty gallery with what `Gallery.create` takes, in a folder that is empty or missing."""
    make_index(facts["dimension"], facts["index"])
    folder.mkdir(parents=True, exist_ok=True)
    _check_empty(folder)
    with writer_lock(folder, wait):
        _check_empty(folder)  # another process may have been faster
        facts = {"format": _FORMAT, "generation": 1, **facts}
        _storage(folder, facts).make_files()
        _write(folder, facts)


class GalleryFolder:
    """The folder, as far as it is in memory; writers wait so many seconds for one another.

    Attributes:
        facts: what ``gallery.json`` says.
        index: of faiss, on the first rows; None where there is none.
        index_file: name of the file it is from, inode, and time of writing.
    """

    def __init__(self, path: Path, wait: float) -> None:
        self._path, self._wait = path, wait
        self.index: Any = None
        self.index_file: tuple[str, int, int] | None = None
        self.facts = _read(path)
        self._storage = _storage(path, self.facts)
        self.refresh()

    def refresh(self) -> Storage:
        """The images as they are on the disk now.

        Raises:
            GalleryError: the gallery is damaged.
        """
        while True:
            facts = _read(self._path)
            same = facts["generation"] == self._storage.generation
            storage = self._storage if same else _storage(self._path, facts)
            try:
                self._read_index(storage.index_file, facts["tuning"])
                storage.refresh()  # after the index, whose rows are all in the journal then
            except (FileNotFoundError, GalleryError) as error:
                if _read(self._path) == facts:
                    raise GalleryError(str(error)) from error
            if _read(self._path) == facts:  # else it was compacted meanwhile
                self.facts, self._storage = facts, storage
                return storage

    @contextmanager
    def writing(self) -> Iterator[Storage]:
        """Be the only writer while the block runs; see `writer_lock`."""
        with writer_lock(self._path, self._wait):
            storage = self.refresh()
            remove_leftovers(self._path)
            self._remove_others(storage)
            yield storage

    def keep_indexed(self, storage: Storage) -> None:
        """Build the index anew where too many rows are not in it; for a writer."""
        rows, indexed = len(storage.ids), 0 if self.index is None else self.index.ntotal
        if self.facts["index"] != EXACT and rows - indexed > max(_FEW, _UNINDEXED * rows):
            build_index(storage.features, self.facts["index"], storage.index_file)

    def compact(self, storage: Storage, changes: Mapping[str, Any]) -> None:
        """Write the next generation, with other ``facts``; for a writer."""
        facts = {**self.facts, **changes, "generation": storage.generation + 1}
        make_index(facts["dimension"], facts["index"])
        new = _storage(self._path, facts)
        new.make_files()
        for images in storage.live_images():
            new.add(images)
        if facts["index"] != EXACT:
            build_index(new.features, facts["index"], new.index_file)
        _write(self._path, facts)
        self._remove_others(self.refresh())

    def _remove_others(self, storage: Storage) -> None:
        """The files of what was compacted, or of a compaction that was killed."""
        for pattern in ("features-*.f32", "extras-*.bin", "journal-*.jsonl", "index-*.faiss"):
            for file in {*self._path.glob(pattern)} - {*storage.files, storage.index_file}:
                file.unlink()

    def _read_index(self, file: Path, tuning: str) -> None:
        facts = file.stat() if file.exists() else None
        identity = None if facts is None else (file.name, facts.st_ino, facts.st_mtime_ns)
        if identity != self.index_file:
            self.index = None if identity is None else read_index(file, tuning)
            self.index_file = identity


def _check_empty(folder: Path) -> None:
    """But for what a `create_folder` that was killed has left."""
    for file in folder.iterdir():
        left = file.name == "lock" or file.name.startswith(".gallery.json.")
        if not left and (file.is_dir() or file.stat().st_size):
            raise GalleryError(
                f"{folder} is not empty (it has {file.name}): a gallery takes a folder of its own"
            )


def _read(folder: Path) -> dict[str, Any]:
    try:
        facts = json.loads((folder / "gallery.json").read_text())
    except FileNotFoundError as error:
        raise GalleryError(f"{folder} is no gallery: make one by `mdpr gallery create`") from error
    if facts["format"] != _FORMAT:
        raise GalleryError(f"{folder} has format {facts['format']}: this version reads {_FORMAT}")
    return facts


def _write(folder: Path, facts: Mapping[str, Any]) -> None:
    with write_atomically(folder / "gallery.json") as file:
        json.dump(facts, file)


def _storage(folder: Path, facts: Mapping[str, Any]) -> Storage:
    return Storage(folder, facts["generation"], facts["dimension"])
