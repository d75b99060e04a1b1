"""A long run watched: does its memory grow, does it stop moving?"""

import json
import os
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from fastreid.engine.hooks import HookBase
from fastreid.utils import comm
from mdpr.engine.reporting.memory import memory_now

__all__ = ["MemoryRecorder", "StallWatch", "growth", "read_memory"]

PREFIX = "memory.rank"


class MemoryRecorder(HookBase):
    """Writes this process's resident memory after every epoch, for `read_memory`."""

    def __init__(self, folder: str | Path) -> None:
        """
        Args:
            folder: where every process has a file of its own.
        """
        self._path = Path(folder) / f"{PREFIX}{comm.get_rank()}.jsonl"

    def before_train(self) -> None:
        """Start the file anew."""
        self._path.write_text("")

    def after_epoch(self) -> None:
        """Add a line."""
        with self._path.open("a") as file:
            line = {"epoch": self.trainer.epoch + 1, "resident": memory_now().resident}
            file.write(json.dumps(line) + "\n")


def read_memory(folder: str | Path) -> dict[int, list[int]]:
    """Resident bytes after each epoch, by rank."""
    return {
        int(path.stem.removeprefix(PREFIX)): [
            json.loads(line)["resident"] for line in path.read_text().splitlines()
        ]
        for path in sorted(Path(folder).glob(f"{PREFIX}*.jsonl"))
    }


def growth(memory: Mapping[int, Sequence[int]], settled: int) -> dict[int, float]:
    """How far memory rose above what it was once a run had settled.

    Args:
        memory: what `read_memory` returns.
        settled: the epoch, counted from 1, to compare with; less than the epochs recorded.

    Returns:
        By rank, the highest later value over that of the epoch, in percent; below 0 where it fell.

    Raises:
        ValueError: a rank has no epoch behind ``settled``.
    """
    for rank, values in memory.items():
        if len(values) <= settled:
            raise ValueError(f"rank {rank} recorded {len(values)} epochs: expected more than {settled}")
    return {
        rank: 100.0 * (max(values[settled:]) / values[settled - 1] - 1) for rank, values in memory.items()
    }


class StallWatch:
    """Ends the run that this process has started once no epoch has ended for too long."""

    def __init__(self, folder: str | Path, seconds: float) -> None:
        """
        Args:
            folder: that of the `MemoryRecorder`.
            seconds: how long an epoch, or the start, may take.
        """
        self._folder = Path(folder)
        self._seconds = seconds
        self._over = threading.Event()
        self.stalled = False

    def __enter__(self) -> "StallWatch":
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        moved, recorded = time.monotonic(), -1
        while not self._over.wait(0.2):
            lines = 0
            with suppress(OSError):
                # The slowest process counts.
                lines = min((len(values) for values in read_memory(self._folder).values()), default=0)
            if lines != recorded:
                moved, recorded = time.monotonic(), lines
            elif time.monotonic() - moved > self._seconds:
                self.stalled = True
                for _ in range(2):  # asked to finish, and then killed
                    os.kill(os.getpid(), signal.SIGTERM)
                    self._over.wait(1.0)
                return
