"""SIGTERM and SIGINT: the first ends a run where it can be resumed, the second ends it now.

Python runs signal handlers between two of its own instructions, so during a long backward pass not at
all. A thread reads the signals instead, as the C-level handler writes them to a pipe.
"""

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

logger = logging.getLogger(__name__)

WATCHED = (signal.SIGTERM, signal.SIGINT)
END = b"\0"  # no signal's number


class StoppedBySignal(SystemExit):
    """Training ended after a signal, with everything saved; the exit status is 128 + signal."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)


class SignalWatch:
    """While entered, in the main thread, notes the first SIGTERM or SIGINT and ends on the second.

    In any other thread it notes nothing, as Python delivers signals to the main thread only.

    Attributes:
        received: the first signal's number in this process; 0 before there was one.
    """

    _active: "SignalWatch | None" = None

    def __init__(self) -> None:
        self.received = 0
        self._may_exit = False

    def __enter__(self) -> "SignalWatch":
        if threading.current_thread() is not threading.main_thread():
            return self
        reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        self._wakeup_before = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        # The thread does the work, but without a handler Python's C-level one does not run either.
        self._handlers_before = {s: signal.signal(s, lambda *_: None) for s in WATCHED}
        self._thread = threading.Thread(target=self._watch, args=(reading,), daemon=True)
        self._thread.start()
        SignalWatch._active = self
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if SignalWatch._active is not self:
            return
        SignalWatch._active = None
        for number, handler in self._handlers_before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup_before)
        # Not by closing the pipe: loader processes hold copies of it.
        os.write(self._writing, END)
        self._thread.join()
        os.close(self._writing)

    @contextmanager
    def exit_at_once(self) -> Iterator[None]:
        """A block in which nothing would be lost: the first signal already ends the process."""
        self._may_exit = True
        if self.received:
            self._exit(self.received, "everything is saved")
        try:
            yield
        finally:
            self._may_exit = False

    def _watch(self, reading: int) -> None:
        with os.fdopen(reading, "rb", buffering=0) as pipe:
            while (number := pipe.read(1)) != END:
                if number[0] in WATCHED:
                    self._on_signal(number[0])

    def _on_signal(self, number: int) -> None:
        name = signal.Signals(number).name
        if self.received:
            self._exit(number, f"a second signal ({name}), nothing more is saved")
        self.received = number
        if self._may_exit:
            self._exit(number, f"{name} during evaluation, everything is saved")
        logger.info("%s: finishing this step and saving; another one ends the run at once", name)

    def _exit(self, number: int, reason: str) -> None:
        """End now. The main thread may be deep in a step: it is not asked."""
        logger.info("Stopped: %s", reason)
        for child in multiprocessing.active_children():
            child.kill()
        for handler in logging.getLogger("mdpr").handlers:
            handler.flush()
        os._exit(128 + number)

    @classmethod
    def _leave_in_child(cls) -> None:
        """A forked process must not write its signals into its parent's pipe."""
        if cls._active is not None:
            signal.set_wakeup_fd(-1)
            cls._active = None


os.register_at_fork(after_in_child=SignalWatch._leave_in_child)
