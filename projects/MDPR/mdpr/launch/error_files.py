"""What processes leave in files for the one that started them, beside the error files of torch's `record`.

``<folder>/<run>/attempt_<restarts>/<local rank>/`` has ``error.json`` where a process failed, an empty
``<process id>.pid`` from its start on, and an empty ``done`` once it has done all that it had to do.
"""

import json
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, LogsDest
from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

from mdpr import errors
from mdpr.errors import MDPRError, ProcessFailedError

__all__ = [
    "AttemptFiles",
    "cause_of_restart",
    "exception_of",
    "has_error_of_its_own",
    "is_lost_connection",
    "own_folder",
]

# gloo's errors and some of NCCL's have no class of their own.
LOST_CONNECTION = re.compile(r"Dist\w*Error: |RuntimeError: .*(gloo|NCCL)", re.DOTALL)


class AttemptFiles(DefaultLogsSpecs):
    """torch's files, a folder for each start of the processes.

    Args:
        folder: an empty folder.
        stopped: whether a signal has ended the run.
    """

    def __init__(self, folder: Path, stopped: Callable[[], bool]) -> None:
        super().__init__(log_dir=str(folder))
        self._folder = folder
        self._stopped = stopped

    def reify(self, envs: dict[int, dict[str, str]]) -> LogsDest:
        """Make the folder; called by torch's agent before it starts the processes, and each restart.

        Raises:
            MDPRError: a process failed by something that no restart mends.
            InterruptedError: a signal has ended the run.
        """
        for _, message in _errors_in(self._folder):
            if error := _user_error(message):
                raise error
        if self._stopped():
            raise InterruptedError
        return super().reify(envs)


def own_folder() -> Path:
    """Where this process, which torch's agent has started, leaves its files."""
    return Path(os.environ["TORCHELASTIC_ERROR_FILE"]).parent


def cause_of_restart() -> str:
    """The first line of the first error of the processes before this one's restart."""
    attempt = own_folder().parent
    if not attempt.name.startswith("attempt_"):
        return "after a failure"
    before = attempt.with_name(f"attempt_{int(attempt.name.rpartition('_')[2]) - 1}")
    messages = [message for _, message in sorted(_errors_in(before))]
    own = [message for message in messages if not is_lost_connection(message)]
    return own[0].partition("\n")[0] if own else "one was ended from outside"


def is_lost_connection(message: str) -> bool:
    """Whether ``"ErrorClass: text"`` is what a process says whose peer went away."""
    return LOST_CONNECTION.match(message) is not None


def has_error_of_its_own(failure: ProcessFailure) -> bool:
    """Whether a process raised something that is not for want of another one."""
    told: object = failure.message
    return isinstance(told, dict) and not is_lost_connection(told["message"])


def exception_of(rank: int, failure: ProcessFailure) -> MDPRError | ProcessFailedError:
    """What to tell the user of a process that failed."""
    name = f"rank {rank} (process {failure.pid})"
    told: object = failure.message
    if not isinstance(told, dict):
        return ProcessFailedError(f"{name} {_how_it_ended(failure.exitcode)}")
    if error := _user_error(told["message"]):
        return error
    happened = "failed"
    if is_lost_connection(told["message"]):
        happened = (
            "lost its connection to another process, which went away first; it may be on another "
            "machine"
        )
    return ProcessFailedError(f"{name} {happened}:\n\n{told['extraInfo']['py_callstack']}")


def _errors_in(folder: Path) -> list[tuple[float, str]]:
    """When each error below a folder was written, and ``"ErrorClass: text"``."""
    return [
        (file.stat().st_mtime, json.loads(file.read_text())["message"]["message"])
        for file in folder.rglob("error.json")
    ]


def _user_error(message: str) -> MDPRError | None:
    """What was raised, where ``"ErrorClass: text"`` is about something that the user can mend."""
    name, _, text = message.partition(": ")
    kind = getattr(errors, name, None)
    return kind(text) if isinstance(kind, type) and issubclass(kind, MDPRError) else None


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    name = signal.Signals(-code).name
    hint = ": out of memory, perhaps (see `dmesg`)" if name == "SIGKILL" else ""
    return f"was ended by {name}{hint}"
