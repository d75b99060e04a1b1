"""The life of one process that `mdpr.engine.supervisor` has started."""

import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from multiprocessing.connection import Connection
from typing import Any

import torch.distributed as dist

from mdpr.engine.process_group import Seat, join, leave
from mdpr.errors import MDPRError

__all__ = ["FORWARDED_SIGNALS", "Blame", "Failure", "live"]

FORWARDED_SIGNALS = (signal.SIGINT, signal.SIGTERM)
HANDLERS: dict[signal.Signals, Any] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGTSTP: signal.SIG_DFL,
}


class Blame(Enum):
    """Whose fault a failure is."""

    USER = "a setting or file that cannot be used"
    DEFECT = "an error in this process"
    PEER = "another process went away"


@dataclass(frozen=True)
class Failure:
    """What a process says of its end.

    Attributes:
        rank: the process.
        blame: whose fault it is.
        text: the message where the user can mend it, else the traceback.
        at: `time.monotonic`, in seconds, the same clock in all processes of a machine.
    """

    rank: int
    blame: Blame
    text: str
    at: float


def live(
    seat: Seat, function: Callable[..., Any], args: tuple[Any, ...], reports: Connection
) -> None:
    """Join the run, call ``function(*args)``, leave; say why where it fails.

    A signal to the terminal's foreground group reaches the parent alone, which forwards it, as this
    process makes a group of its own. Where the parent is gone the whole group goes too.

    Args:
        seat: the place of this process.
        function: what to run.
        args: its arguments.
        reports: where a `Failure` is sent.
    """
    try:
        os.setpgid(0, 0)
        threading.Thread(target=_end_with_parent, daemon=True).start()
        _reset_handlers()
        # Blocked by the parent while there was no process group and no one to catch them.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED_SIGNALS)
        join(seat)
        function(*args)
        leave()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except Exception as error:
        # Sent before any connection is closed, so before others fail for want of this process.
        reports.send(_failure(seat.rank, error))
        sys.exit(1)


def _reset_handlers() -> None:
    """Forget the parent's handlers, which a forked process inherits."""
    for signum, handler in HANDLERS.items():
        if signal.getsignal(signum) is not signal.SIG_IGN:
            signal.signal(signum, handler)


def _failure(rank: int, error: Exception) -> Failure:
    if isinstance(error, MDPRError):
        return Failure(rank, Blame.USER, str(error), time.monotonic())
    blame = Blame.PEER if _is_lost_connection(error) else Blame.DEFECT
    return Failure(rank, blame, traceback.format_exc(), time.monotonic())


def _is_lost_connection(error: Exception) -> bool:
    if isinstance(error, dist.DistError):
        return True
    # What gloo raises has no class of its own.
    return isinstance(error, RuntimeError) and ("gloo" in str(error) or "NCCL" in str(error))


def _end_with_parent() -> None:
    """Wait for the parent's end, however it came, and end this process and its data loaders."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os.killpg(os.getpid(), signal.SIGKILL)
