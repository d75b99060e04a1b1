"""What the folder of a run says: the record of its attempts, and the lock that a running one holds."""

import json
import os
import time
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Final

from mdpr.errors import InputError
from mdpr.files import write_atomically

OUTPUT: Final = "output.txt"  # what the run wrote to its output and error streams
_RECORD: Final = "study.json"
_LOCK: Final = "study.lock"
# Of a process that SIGTERM or SIGINT ended, in our trainer's words and in the system's.
STOPPED: Final = frozenset({128 + 15, 128 + 2, -15, -2})


class State(str, Enum):
    """Of a run."""

    MISSING = "missing"
    RUNNING = "running"
    CUT_OFF = "cut off"
    FAILED = "failed"
    FINISHED = "finished"


@dataclass
class Attempt:
    """One process of a run. Times are seconds since 1970; ``ended`` is None until it has ended."""

    started: float
    at_once: int  # processes that shared the machine
    code: str  # hash of the sources
    ended: float | None = None
    exit_code: int | None = None


@dataclass
class Record:
    """Of a run: what it was started with, and its attempts."""

    settings: dict[str, Any]
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Of all attempts together."""
        return sum((each.ended or each.started) - each.started for each in self.attempts)


def read_record(folder: Path) -> Record | None:
    """What `write_record` wrote, or None. An attempt whose end nobody saw ended with its last line."""
    try:
        content = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    attempts = [Attempt(**attempt) for attempt in content["attempts"]]
    for attempt in attempts[-1:]:
        if attempt.ended is None and (folder / OUTPUT).exists():
            attempt.ended = max(attempt.started, (folder / OUTPUT).stat().st_mtime)
    return Record(content["settings"], attempts)


def write_record(folder: Path, record: Record) -> None:
    """Write it beside the files of the run."""
    with write_atomically(folder / _RECORD) as file:
        json.dump(asdict(record), file, indent=1)


def state_of(folder: Path) -> State:
    """What has become of a run."""
    return State.RUNNING if _is_locked(folder) else recorded_state(folder)


def recorded_state(folder: Path) -> State:
    """What has become of a run that nobody runs, or this process alone."""
    record = read_record(folder)
    if record is None or not record.attempts:
        return State.MISSING
    exit_code = record.attempts[-1].exit_code
    if exit_code == 0 and (folder / "results.json").is_file():
        return State.FINISHED
    return State.CUT_OFF if exit_code is None or exit_code in STOPPED else State.FAILED


def take_lock(folder: Path) -> int | None:
    """Lock a run for this process and those that inherit the descriptor: free when the last one has ended.

    Returns:
        The descriptor; None where another process has the run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for _ in range(3):  # who only looks has it for an instant
        descriptor = _flock(folder, exclusive=True)
        if descriptor is not None:
            return descriptor
        time.sleep(0.05)
    return None


def _is_locked(folder: Path) -> bool:
    if not (folder / _LOCK).exists():
        return False
    descriptor = _flock(folder, exclusive=False)
    if descriptor is not None:
        os.close(descriptor)
    return descriptor is None


def _flock(folder: Path, *, exclusive: bool) -> int | None:
    try:
        import fcntl  # noqa: PLC0415
    except ImportError as error:
        raise InputError("a study cannot be run here: only Linux and macOS have fcntl") from error
    path = folder / _LOCK
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT if exclusive else os.O_RDONLY, 0o666)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        # A folder that was moved aside meanwhile has taken its lock along.
        if path.exists() and path.stat().st_ino == os.fstat(descriptor).st_ino:
            return descriptor
    except BlockingIOError:
        pass
    os.close(descriptor)
    return None
