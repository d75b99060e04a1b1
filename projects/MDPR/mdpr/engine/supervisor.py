"""Start the processes of this machine, pass signals on to them, and end them all where one fails."""

import multiprocessing
import multiprocessing.resource_tracker
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from types import FrameType
from typing import Any

from mdpr.engine.process_group import Seat
from mdpr.engine.rank_process import FORWARDED_SIGNALS, Blame, Failure, live
from mdpr.errors import MDPRError, ProcessFailedError

__all__ = ["Supervisor"]

GRACE_SECONDS = 3.0  # that the others have to end by themselves once one has failed
INTERRUPTED = {128 + signum for signum in FORWARDED_SIGNALS}  # exit codes


class Supervisor:
    """The processes of this machine.

    The first SIGINT or SIGTERM is passed on, so that they can finish what they are at; the next one
    kills them. They are paused and continued with this process. None outlives it.
    """

    def __init__(self, start_method: str = "spawn") -> None:
        """
        Args:
            start_method: of `multiprocessing`. "fork" is quicker, and not for processes that use a GPU
                or have used threads.
        """
        self._context: Any = multiprocessing.get_context(start_method)
        self._processes: dict[int, Any] = {}
        self._receivers: dict[Connection, int] = {}
        self._failures: list[Failure] = []
        self._exit_codes: dict[int, int] = {}
        self._killed: set[int] = set()
        self._signal: int | None = None

    def run(self, seats: list[Seat], function: Callable[..., Any], args: tuple[Any, ...]) -> int:
        """Run ``function(*args)`` in a process for each seat, until all have ended.

        Returns:
            The exit code: 0, or 128 + N where signal N ended the run.

        Raises:
            MDPRError: a process failed by something that the user can mend.
            ProcessFailedError: a process failed otherwise; with its traceback, where it had one.
        """
        with self._signals_forwarded():
            try:
                self._start(seats, function, args)
                self._watch()
            finally:
                self._kill()
        return self._verdict()

    def _start(
        self, seats: list[Seat], function: Callable[..., Any], args: tuple[Any, ...]
    ) -> None:
        # Its start would unblock the signals that are blocked below.
        multiprocessing.resource_tracker.ensure_running()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED_SIGNALS)
        try:
            for seat in seats:
                receiver, sender = self._context.Pipe(duplex=False)
                process = self._context.Process(target=live, args=(seat, function, args, sender))
                process.start()
                sender.close()
                self._processes[seat.rank] = process
                self._receivers[receiver] = seat.rank
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _watch(self) -> None:
        deadline: float | None = None
        while alive := self._alive():
            remaining = None if deadline is None else max(0.0, deadline - time.monotonic())
            sentinels = {process.sentinel: rank for rank, process in alive.items()}
            ready = wait([*sentinels, *self._receivers], remaining)
            if not ready:
                self._kill()
                deadline = time.monotonic() + GRACE_SECONDS
            for item in ready:
                if item in sentinels:
                    self._bury(sentinels[item])
                elif item in self._receivers:
                    self._receive(item)
            if deadline is None and self._failed():
                deadline = time.monotonic() + GRACE_SECONDS

    def _alive(self) -> dict[int, Any]:
        ended = self._exit_codes
        return {rank: process for rank, process in self._processes.items() if rank not in ended}

    def _receive(self, receiver: Connection) -> None:
        try:
            self._failures.append(receiver.recv())
        except (EOFError, OSError):
            self._receivers.pop(receiver, None)

    def _bury(self, rank: int) -> None:
        """Note how a process ended, and end what it has left behind, such as data loaders."""
        process = self._processes[rank]
        _signal_group(process.pid, signal.SIGKILL)  # before its id is given to another
        process.join()
        self._exit_codes[rank] = process.exitcode
        for receiver, owner in list(self._receivers.items()):
            while owner == rank and receiver in self._receivers and receiver.poll():
                self._receive(receiver)

    def _kill(self) -> None:
        for rank, process in self._alive().items():
            self._killed.add(rank)
            _signal_group(process.pid, signal.SIGKILL)
            process.kill()  # it may not have made its group yet

    def _failed(self) -> bool:
        codes = self._exit_codes.values()
        return bool(self._failures) or any(code not in self._orderly_codes() for code in codes)

    def _orderly_codes(self) -> set[int]:
        by_default_handler = set() if self._signal is None else {-self._signal}
        return {0, *INTERRUPTED, *by_default_handler}

    def _verdict(self) -> int:
        own = sorted((f for f in self._failures if f.blame is not Blame.PEER), key=lambda f: f.at)
        if own:
            raise _error(own[0], self._processes[own[0].rank].pid)
        codes = {rank: code for rank, code in self._exit_codes.items() if rank not in self._killed}
        chosen = INTERRUPTED.intersection(codes.values())
        if self._signal is not None:
            failed = any(self._exit_codes.values())
            return min(chosen, default=128 + self._signal if failed else 0)
        self._raise_for_codes(codes, fine={0, 1, *INTERRUPTED})
        if chosen:
            return min(chosen)
        if self._failures:
            first = min(self._failures, key=lambda failure: failure.at)
            raise _error(first, self._processes[first.rank].pid)
        self._raise_for_codes(codes, fine={0})
        return 0

    def _raise_for_codes(self, codes: dict[int, int], fine: set[int]) -> None:
        for rank, code in codes.items():
            if code not in fine:
                name = f"rank {rank} (process {self._processes[rank].pid})"
                raise ProcessFailedError(f"{name} {_how_it_ended(code)}")

    @contextmanager
    def _signals_forwarded(self) -> Iterator[None]:
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
        if self._signal is not None:
            self._kill()
            return
        self._signal = signum
        for process in self._alive().values():
            with suppress(ProcessLookupError):
                os.kill(process.pid, signum)

    def _pause(self, signum: int, frame: FrameType | None) -> None:
        processes = self._alive().values()
        for process in processes:
            _signal_group(process.pid, signal.SIGSTOP)
        os.kill(os.getpid(), signal.SIGSTOP)  # this returns once the shell continues the run
        for process in processes:
            _signal_group(process.pid, signal.SIGCONT)


def _signal_group(group: int, signum: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signum)


def _error(failure: Failure, pid: int) -> Exception:
    if failure.blame is Blame.USER:
        return MDPRError(failure.text)
    what = "lost its connection to another process, which went away first; it may be on another machine"
    happened = what if failure.blame is Blame.PEER else "failed"
    return ProcessFailedError(f"rank {failure.rank} (process {pid}) {happened}:\n\n{failure.text}")


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    name = signal.Signals(-code).name
    hint = ": out of memory, perhaps (see `dmesg`)" if name == "SIGKILL" else ""
    return f"was ended by {name}{hint}"
