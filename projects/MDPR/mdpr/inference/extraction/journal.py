"""What an extraction has done so far, on the disk.

``features.f32`` holds the features of rows that could be read, ``batches.jsonl`` a line a batch: a checksum
and, as JSON, where it ended, how many features it has, their checksum, and why the other rows failed. Both
are only ever appended to, features first; a tail that is torn or does not fit its checksums is cut off.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from mdpr.errors import InputError
from mdpr.files import write_atomically

BLOCK_BYTES = 4 * 2**20  # of features in memory at a time, when they are read again


class Journal:
    """The journal of one extraction, for one process at a time.

    Args:
        folder: where it lies; made where it is missing.
        plan: what its features are made by and of, plain JSON values.
        dimension: D, values of a feature.
        restart: forget what is there.

    Attributes:
        done: rows that are done with, from the first.
        count: features there.
        failed: by number, why the other rows could not be read.

    Raises:
        InputError: another process writes it, or it was begun with another plan.
        OSError: it cannot be written.
    """

    def __init__(self, folder: Path, plan: Mapping[str, Any], dimension: int, *, restart: bool) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._dimension = folder, dimension
        self.done, self.count = 0, 0
        self.failed: dict[int, str] = {}
        self._features = (folder / "features.f32").open("ab+")
        self._batches = (folder / "batches.jsonl").open("ab+")
        self._lock()
        plan_file = folder / "plan.json"
        if restart or not plan_file.exists():
            self._cut(0)
            with write_atomically(plan_file) as file:
                json.dump(plan, file)
        begun = json.loads(plan_file.read_text())
        if different := [name for name in plan if begun.get(name) != plan[name]]:
            raise InputError(
                f"{folder} was begun with other {' and '.join(different)}: repeat the command that began it, "
                "begin anew with --restart, or choose another --out"
            )
        self._recall()

    def append(self, end: int, features: NDArray[np.float32], failed: Mapping[int, str]) -> None:
        """Note a batch: its rows end before ``end``; (B, D) features of some, and why the others failed.

        Raises:
            OSError: the disk is full, for example; the batches before are safe.
        """
        data = features.tobytes()
        self._features.write(data)
        self._features.flush()
        text = json.dumps([end, len(features), crc32(data), [*failed.items()]]).encode()
        self._batches.write(b"%08x %s\n" % (crc32(text), text))
        self._batches.flush()
        self._add(end, len(features), failed)

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """All features, (rows, D) at a time."""
        step = max(1, BLOCK_BYTES // (4 * self._dimension))
        for start in range(0, self.count, step):
            data = self._bytes(start, min(step, self.count - start))
            yield np.frombuffer(data, np.float32).reshape(-1, self._dimension)

    def close(self) -> None:
        """Leave it to the next process."""
        self._features.close()
        self._batches.close()

    def remove(self) -> None:
        """Close it, and remove its files, and its folder where nothing else lies in it."""
        self.close()
        for name in ("batches.jsonl", "features.f32", "plan.json"):
            (self._folder / name).unlink(missing_ok=True)
        with suppress(OSError):
            self._folder.rmdir()

    def _lock(self) -> None:
        with suppress(ImportError):  # Windows has none of it
            import fcntl  # noqa: PLC0415

            try:  # loader processes, which outlive a killed run by seconds, inherit no such lock
                fcntl.lockf(self._batches, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InputError(f"another process is writing {self._folder}: wait for its end") from None

    def _recall(self) -> None:
        kept = 0
        self._batches.seek(0)
        for line in self._batches:
            checksum, _, text = line.partition(b" ")
            if checksum != b"%08x" % crc32(text[:-1]) or text[-1:] != b"\n":
                break
            end, count, features, failed = json.loads(text)
            if crc32(self._bytes(self.count, count)) != features:
                break
            self._add(end, count, dict(failed))
            kept += len(line)
        self._cut(kept)

    def _bytes(self, start: int, count: int) -> bytes:
        size = 4 * self._dimension
        self._features.seek(start * size)
        return self._features.read(count * size)

    def _add(self, end: int, count: int, failed: Mapping[int, str]) -> None:
        self.done, self.count = end, self.count + count
        self.failed.update(failed)

    def _cut(self, batches: int) -> None:
        self._batches.truncate(batches)
        self._features.truncate(self.count * 4 * self._dimension)
