"""What a gallery has on the disk: files that only ever grow, and a journal that says how much of them counts.

Of generation g, which `Gallery.compact` counts up:

- ``features-g.f32``: (N, D) float32, row after row, so that a search can map them into memory
- ``extras-g.bin``: of each image its metadata as JSON and its thumbnail as JPEG, one after another
- ``journal-g.jsonl``: a line for each add or removal, ``<CRC-32 of the rest> <JSON>``, with ids, persons,
  and the checksums of what an add brought to the other two (Adler-32, which costs a third of CRC-32)

An add writes features and extras to the disk, and then its line. What there is of an add without its whole
line is a torn tail: readers do not look at it, and the next writer cuts it off.
"""

import json
import os
import zlib
from array import array
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import accumulate, islice, repeat
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mdpr.errors import GalleryError

_ROWS_AT_ONCE: Final = 65536

# Features (N, D) float32 of norm 1, ids, persons (None where nobody knows), and of each image by turns its
# metadata as JSON and its thumbnail as JPEG, or nothing.
Images = tuple[NDArray[np.float32], Sequence[str], Sequence[str | None], Sequence[bytes]]


class Storage:
    """The images of a generation: ids and persons in memory, the rest mapped into it.

    Rows count in the order of adding; a removed image keeps its row.

    Attributes:
        ids, persons: of each row.
        row_of: of each id that is not removed.
        removed: rows.
    """

    def __init__(self, folder: Path, generation: int, dimension: int) -> None:
        self.generation, self._dimension = generation, dimension
        names = (f"features-{generation}.f32", f"extras-{generation}.bin", f"journal-{generation}.jsonl")
        self.files = tuple(folder / name for name in names)
        self.index_file = folder / f"index-{generation}.faiss"
        self.ids: list[str] = []
        self.persons: list[str | None] = []
        self.row_of: dict[str, int] = {}
        self.removed: list[int] = []
        self._extra_ends = array("q", [0])  # behind metadata and thumbnail of each row, by turns
        self._journal_bytes = 0
        self._adds: list[tuple[int, int, list[int]]] = []  # rows from, to, checksums

    def make_files(self) -> None:
        """Make them, empty."""
        for file in self.files:
            file.touch()

    def refresh(self) -> None:
        """Read what the journal says since the last time.

        Raises:
            GalleryError: a line before the last is damaged, or files are shorter than the journal says.
        """
        # Twice, as the first may have met a writer that cuts off a tail.
        if self._read_journal() and self._read_journal():
            raise GalleryError(f"{self.files[2]} is damaged at byte {self._journal_bytes}")
        for file, size in zip(self.files, self.sizes, strict=True):
            if file.stat().st_size < size:
                raise GalleryError(f"{file} is damaged: it has {file.stat().st_size} of {size} bytes")
        _ = self.features, self._extras  # what is mapped stays, also where another process compacts

    def _read_journal(self) -> bool:
        """Apply its new lines; whether there is a line behind one that is not whole."""
        with self.files[2].open("rb") as file:
            file.seek(self._journal_bytes)
            *lines, _ = file.read().split(b"\n")
        for number, line in enumerate(lines):
            checksum, _, text = line.partition(b" ")
            if checksum != b"%08x" % zlib.crc32(text):
                return number + 1 < len(lines)
            self._apply(json.loads(text), len(line) + 1)
        return False

    def add(self, images: Images) -> None:
        """Add images with new ids, all or none, on the disk when this returns."""
        features, ids, persons, extras = images
        joined, rows = b"".join(extras), memoryview(features.data).cast("B")
        with ThreadPoolExecutor(1) as pool:  # the disk works while checksums are computed
            written = pool.submit(_append, self.files[0], self.sizes[0], rows)
            content = {
                "ids": list(ids),
                "persons": list(persons),
                "extras": list(map(len, extras)) if joined else None,
                "checksums": [zlib.adler32(rows), zlib.adler32(joined)],
            }
            line = _line(content)
            if joined:
                _append(self.files[1], self.sizes[1], joined)
            written.result()
        self._commit(content, line)

    def remove(self, ids: Sequence[str]) -> None:
        """Remove images that are there."""
        content = {"removed": list(ids)}
        self._commit(content, _line(content))

    @cached_property
    def features(self) -> NDArray[np.float32]:
        """(N, D) of all rows, also of the removed ones."""
        return _mapped(self.files[0], np.float32, (len(self.ids), self._dimension))

    @cached_property
    def live(self) -> NDArray[np.bool_]:
        """(N,) whether a row is not removed."""
        live = np.ones(len(self.ids), np.bool_)
        live[self.removed] = False
        return live

    def extras(self, row: int) -> tuple[bytes, bytes]:
        """Metadata as JSON and thumbnail as JPEG."""
        start, middle, end = self._extra_ends[2 * row : 2 * row + 3]
        return self._extras[start:middle].tobytes(), self._extras[middle:end].tobytes()

    def live_images(self) -> Iterator[Images]:
        """The images that are not removed, some at a time."""
        live = np.flatnonzero(self.live)
        for start in range(0, len(live), _ROWS_AT_ONCE):
            rows = live[start : start + _ROWS_AT_ONCE].tolist()
            ids, persons = [self.ids[row] for row in rows], [self.persons[row] for row in rows]
            yield self.features[rows], ids, persons, [part for row in rows for part in self.extras(row)]

    def verify(self) -> None:
        """Compare every byte with its checksum.

        Raises:
            GalleryError: naming the file and the images of the first that is damaged.
        """
        for first, last, checksums in self._adds:
            extras = self._extras[self._extra_ends[2 * first] : self._extra_ends[2 * last]]
            found = [zlib.adler32(self.features[first:last].data), zlib.adler32(extras.data)]
            for file, wrong in zip(self.files, np.not_equal(found, checksums), strict=False):
                if wrong:
                    named = f"{self.ids[first]!r} to {self.ids[last - 1]!r}"
                    raise GalleryError(f"{file} is damaged: another checksum for what was added as {named}")

    @property
    def sizes(self) -> tuple[int, int, int]:
        """What counts of each file, in bytes."""
        return 4 * self._dimension * len(self.ids), self._extra_ends[-1], self._journal_bytes

    @cached_property
    def _extras(self) -> NDArray[np.uint8]:
        return _mapped(self.files[1], np.uint8, (self._extra_ends[-1],))

    def _commit(self, content: dict[str, Any], line: bytes) -> None:
        _append(self.files[2], self._journal_bytes, line)
        self._apply(content, len(line))

    def _apply(self, content: dict[str, Any], num_bytes: int) -> None:
        self._journal_bytes += num_bytes
        for made in ("live", "features", "_extras"):  # of what there was before
            self.__dict__.pop(made, None)
        if "removed" in content:
            self.removed += [self.row_of.pop(each) for each in content["removed"]]
            return
        ids, first = content["ids"], len(self.ids)
        self.row_of.update(zip(ids, range(first, first + len(ids)), strict=True))
        self.ids += ids
        self.persons += content["persons"]
        lengths, end = content["extras"] or repeat(0, 2 * len(ids)), self._extra_ends[-1]
        self._extra_ends.extend(islice(accumulate(lengths, initial=end), 1, None))
        self._adds.append((first, len(self.ids), content["checksums"]))


def _line(content: dict[str, Any]) -> bytes:
    text = json.dumps(content, separators=(",", ":")).encode()
    return b"%08x %b\n" % (zlib.crc32(text), text)


def _mapped(file: Path, dtype: type[np.generic], shape: tuple[int, ...]) -> NDArray[Any]:
    """The beginning of a file as an array; nothing cannot be mapped."""
    return np.memmap(file, dtype, "r", shape=shape) if shape[0] else np.empty(shape, dtype)


def _append(file: Path, size: int, content: bytes | memoryview) -> None:
    """Put content behind the first ``size`` bytes of a file, in the place of what was there, on the disk."""
    with file.open("r+b", buffering=0) as stream:
        if stream.seek(0, os.SEEK_END) > size:
            stream.truncate(size)
        stream.seek(size)
        while content:
            content = content[stream.write(content) :]
        os.fsync(stream.fileno())
