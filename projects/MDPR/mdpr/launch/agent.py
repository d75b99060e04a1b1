"""torch's elastic agent starts, watches, ends and restarts the processes of this machine.

It runs in a thread, where it leaves signals alone. In the main thread it would kill processes that take
more than half a minute to save after a signal, and end a run that was told by ``nohup`` to live on. What
it does not do is done here: to forward signals, pause, and end those that do not end by themselves.
"""

import logging
import math
import multiprocessing
import multiprocessing.resource_tracker
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from mdpr.errors import MDPRError
from mdpr.launch.error_files import AttemptFiles, LostConnectionError, exception_of
from mdpr.launch.meeting import meet
from mdpr.launch.process_group import MEETING_TIMEOUT
from mdpr.launch.rank_process import FORWARDED_SIGNALS, INTERRUPTED, run_as_rank
from mdpr.launch.world import ParentWorld

LOOK_SECONDS = 0.1
GRACE_SECONDS = 3.0  # that the others have to end by themselves once one has failed


def run_processes(
    world: ParentWorld, function: Callable[..., Any], args: tuple[Any, ...], start_method: str
) -> None:
    """Run ``function(*args)`` in the processes of this machine; see `mdpr.launch.command.run_world`.

    The first SIGINT or SIGTERM is passed on, so that they can finish what they are at; the next one
    kills them. They are paused and continued with this process. None outlives it.
    """
    store = meet(world)  # held as long as the processes live
    with tempfile.TemporaryDirectory(prefix="mdpr_") as folder:
        processes = _Processes(Path(folder))
        config = LaunchConfig(
            min_nodes=world.machines,
            max_nodes=world.machines,
            nproc_per_node=world.local_size,
            run_id="mdpr",
            rdzv_backend="static",
            rdzv_endpoint=f"{store.host}:{store.port}",
            rdzv_configs={"rank": world.machine_rank, "timeout": MEETING_TIMEOUT.seconds},
            max_restarts=world.max_restarts,
            monitor_interval=LOOK_SECONDS,
            start_method=start_method,
            logs_specs=AttemptFiles(Path(folder), lambda: processes.signal != 0),
        )
        agent = elastic_launch(config, run_as_rank)
        with _quiet(), processes.signals_handled():
            run = _in_thread(agent, world.device, function, args)
            try:
                while not wait([run], LOOK_SECONDS).done:
                    processes.look()
            finally:
                processes.kill()
                wait([run])
    if code := _exit_code(run, processes.signal):
        sys.exit(code)


class _Processes:
    """Those that have shown themselves in a folder of `AttemptFiles`, and have not done all yet.

    Attributes:
        signal: the first that is to end the run; 0 before there is one.
    """

    def __init__(self, folder: Path) -> None:
        self.signal = 0
        self._folder = folder
        self._told: set[int] = set()
        self._failed_at: dict[Path, float] = {}  # when a process of an attempt did

    def look(self) -> None:
        """Forward a signal, and kill those that have not ended some time after another one failed."""
        for pid, attempt in self._running():
            if self.signal and pid not in self._told:
                self._told.add(pid)
                with suppress(ProcessLookupError):
                    os.kill(pid, self.signal)
            if time.monotonic() > self._failed_at.get(attempt, math.inf) + GRACE_SECONDS:
                _signal_group(pid, signal.SIGKILL)

    def kill(self) -> None:
        """End all at once."""
        for pid, _ in self._running():
            _signal_group(pid, signal.SIGKILL)

    def _running(self) -> list[tuple[int, Path]]:
        """Ids and attempts. What one that ended has left behind, such as data loaders, is ended."""
        running = []
        for file in self._folder.rglob("*.running"):
            pid, attempt = int(file.stem), file.parents[1]
            try:
                os.kill(pid, 0)
                running.append((pid, attempt))
            except ProcessLookupError:
                with suppress(FileNotFoundError):  # then it has just done all
                    file.unlink()
                    _signal_group(pid, signal.SIGKILL)
                    self._failed_at.setdefault(attempt, time.monotonic())
        return running

    @contextmanager
    def signals_handled(self) -> Iterator[None]:
        """A block in which signals to this process are for those that it started."""
        if threading.current_thread() is not threading.main_thread():
            yield  # only there can handlers be set
            return
        handlers = dict.fromkeys(FORWARDED_SIGNALS, self._forward) | {signal.SIGTSTP: self._pause}
        previous = {signum: signal.getsignal(signum) for signum in handlers}
        for signum, handler in handlers.items():
            if previous[signum] is not signal.SIG_IGN:  # as under nohup
                signal.signal(signum, handler)
        try:
            yield
        finally:
            for signum, former in previous.items():
                signal.signal(signum, former)

    def _forward(self, signum: int, frame: FrameType | None) -> None:
        if self.signal:
            self.kill()
        else:
            self.signal = signum

    def _pause(self, signum: int, frame: FrameType | None) -> None:
        running = self._running()
        for pid, _ in running:
            _signal_group(pid, signal.SIGSTOP)
        os.kill(os.getpid(), signal.SIGSTOP)  # this returns once the shell continues the run
        for pid, _ in running:
            _signal_group(pid, signal.SIGCONT)


def _exit_code(run: Future[dict[int, int]], signum: int) -> int:
    """0, or 128 + N where signal N ended the run; raises what it failed by."""
    try:
        return min(filter(None, run.result().values()), default=0)
    except MDPRError:
        raise
    except ChildFailedError as failed:
        rank, failure = failed.get_first_failure()
        error = exception_of(rank, failure)
        if isinstance(failure.message, str) or isinstance(error, LostConnectionError):
            if failure.exitcode in INTERRUPTED:
                return failure.exitcode
            if signum:
                return 128 + signum
        raise error from None
    except Exception:
        if signum:
            return 128 + signum
        raise


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep torch from logging what is told once, at the end."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def _in_thread(function: Callable[..., Any], *args: Any) -> Future[Any]:
    """Call it in a thread whose processes are born with signals blocked; see `run_as_rank`."""
    outcome: Future[Any] = Future()

    def call() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED_SIGNALS)
        try:
            outcome.set_result(function(*args))
        except BaseException as error:
            outcome.set_exception(error)

    multiprocessing.resource_tracker.ensure_running()  # its start would unblock them
    threading.Thread(target=call, name="torch's agent").start()
    return outcome


def _signal_group(group: int, signum: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signum)
