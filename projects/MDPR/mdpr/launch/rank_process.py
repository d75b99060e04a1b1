"""The life of one process that torch's agent has started for us."""

import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, NoReturn

import torch.distributed as dist
import torch.multiprocessing
from torch.distributed.elastic.multiprocessing.errors.error_handler import ErrorHandler

from mdpr.errors import MDPRError
from mdpr.launch.error_files import LostConnectionError, own_folder
from mdpr.launch.process_group import join, leave

FORWARDED_SIGNALS = (signal.SIGINT, signal.SIGTERM)
INTERRUPTED = frozenset(128 + signum for signum in FORWARDED_SIGNALS)  # exit codes
# What a process waits that lost a connection, as torch's agent tells of the one that it sees fail first.
CAUSE_FIRST_SECONDS = 2.0
HANDLERS: dict[signal.Signals, Any] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGTSTP: signal.SIG_DFL,
}


def run_as_rank(device: str, function: Callable[..., Any], args: tuple[Any, ...]) -> int:
    """Join the run, call ``function(*args)``, leave; say why where it fails.

    A signal to the terminal's foreground group reaches the parent alone, which forwards it, as this
    process makes a group of its own. Where the parent is gone the whole group goes too.

    Returns:
        0, or 128 + N where the run stopped in order after signal N: returned, as torch's agent ends
        the others at once where one exits with a code, and they may still be saving.
    """
    os.setpgid(0, 0)
    # By a signal torch would tell this process alone that the parent is gone, and so to save.
    torch.multiprocessing._prctl_pr_set_pdeathsig(0)  # type: ignore[attr-defined]
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _forget_parent()
    running = own_folder() / f"{os.getpid()}.running"
    running.touch()
    # Blocked by the parent while there was no process group and no one to catch them.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED_SIGNALS)
    code = 0
    try:
        join(device)
        function(*args)
        leave()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except SystemExit as ended:
        if ended.code and ended.code not in INTERRUPTED:
            raise
        code = int(ended.code or 0)
    except Exception as error:
        _fail(error)
    running.unlink()
    return code


def _forget_parent() -> None:
    """Undo what a forked process has inherited."""
    logging.disable(logging.NOTSET)
    for signum, handler in HANDLERS.items():
        if signal.getsignal(signum) is not signal.SIG_IGN:
            signal.signal(signum, handler)


def _fail(error: Exception) -> NoReturn:
    # Written before any connection is closed, so before others fail for want of this process.
    write = ErrorHandler().record_exception
    if isinstance(error, MDPRError):
        write(MDPRError(str(error)))
    elif _is_lost_connection(error):
        write(LostConnectionError())
        time.sleep(CAUSE_FIRST_SECONDS)
    else:
        write(error)
    sys.exit(1)


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
