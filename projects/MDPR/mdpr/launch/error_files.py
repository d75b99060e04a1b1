"""What processes leave in files for the one that started them, beside the error files of torch's `record`.

``<folder>/<run>/attempt_<restarts>/<local rank>/`` has ``<process id>.running`` while a process has not
done all that it had to do, and ``error.json`` where it failed.
"""

import json
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, LogsDest
from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

from mdpr.errors import MDPRError, ProcessFailedError


class LostConnectionError(ProcessFailedError):
    """A process failed as another one went away."""


class AttemptFiles(DefaultLogsSpecs):
    """torch's files, a folder for each start of the processes."""

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
        for kind, text in _errors_in(self._folder):
            if kind == MDPRError.__name__:
                raise MDPRError(text)
        if self._stopped():
            raise InterruptedError
        return super().reify(envs)


def own_folder() -> Path:
    """Where this process, which torch's agent has started, leaves its files."""
    return Path(os.environ["TORCHELASTIC_ERROR_FILE"]).parent


def cause_of_restart() -> str:
    """In a line, why the processes before this restart failed."""
    attempt = own_folder().parent
    name, _, number = attempt.name.rpartition("_")
    before = attempt.with_name(f"{name}_{int(number or 1) - 1}")
    errors = [error for error in _errors_in(before) if error[0] != LostConnectionError.__name__]
    return ": ".join(errors[0]).partition("\n")[0] if errors else "one was ended from outside"


def exception_of(rank: int, failure: ProcessFailure) -> MDPRError | ProcessFailedError:
    """What to tell the user of a process that failed."""
    name = f"rank {rank} (process {failure.pid})"
    told: object = failure.message
    if not isinstance(told, dict):
        return ProcessFailedError(f"{name} {_how_it_ended(failure.exitcode)}")
    kind, _, text = told["message"].partition(": ")
    if kind == MDPRError.__name__:
        return MDPRError(text)
    traceback = told["extraInfo"]["py_callstack"]
    if kind == LostConnectionError.__name__:
        return LostConnectionError(
            f"{name} lost its connection to another process, which went away first; it may be on "
            f"another machine:\n\n{traceback}"
        )
    return ProcessFailedError(f"{name} failed:\n\n{traceback}")


def _errors_in(folder: Path) -> list[tuple[str, str]]:
    """Name of the class, and message, of each error below a folder, the first one first."""
    found = []
    for file in sorted(folder.rglob("error.json"), key=lambda file: file.stat().st_mtime):
        with suppress(ValueError):  # ended by torch's agent, for an earlier error, while it was written
            kind, _, text = json.loads(file.read_text())["message"]["message"].partition(": ")
            found.append((kind, text))
    return found


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    name = signal.Signals(-code).name
    hint = ": out of memory, perhaps (see `dmesg`)" if name == "SIGKILL" else ""
    return f"was ended by {name}{hint}"
