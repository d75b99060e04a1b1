"""Python in a process of its own, with a limit of time; what it prints goes to a file."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

_PACKAGES = Path(__file__).resolve().parents[1]
_POLL = 0.01  # seconds


class PythonProcess:
    """``python ARGUMENTS``, started; at the end of a ``with`` block it is gone, with all that it has started.

    Args:
        arguments: of Python.
        log: file that takes what it prints.
        environment: variables on top of this process's.
    """

    def __init__(self, arguments: list[str], log: Path, **environment: str) -> None:
        self._log = log
        path = os.pathsep.join(filter(None, [str(_PACKAGES), os.environ.get("PYTHONPATH")]))
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, "PYTHONPATH": path, **environment},
                start_new_session=True,
            )
        self._started = time.monotonic()

    def __enter__(self) -> "PythonProcess":
        return self

    def __exit__(self, *_: Any) -> None:
        self.kill()

    @property
    def printed(self) -> str:
        """What it has printed so far."""
        return self._log.read_text(errors="replace")

    def wait(self, limit: float, until: Callable[[], bool] = lambda: False) -> int | None:
        """Wait for its end, or for something else.

        Args:
            limit: seconds since its start.
            until: what else to wait for.

        Returns:
            Its exit code; None where it still runs.
        """
        while (code := self._process.poll()) is None and not until():
            if time.monotonic() > self._started + limit:
                return None
            time.sleep(_POLL)
        return code

    def expect_success(self, limit: float) -> None:
        """Wait for its end.

        Args:
            limit: seconds since its start.

        Raises:
            RuntimeError: it failed, or has not ended; with what it printed last.
        """
        code = self.wait(limit)
        if code == 0:
            return
        what = f"still ran after {limit:.0f} s" if code is None else f"ended with exit code {code}"
        last = next(
            (line for line in reversed(self.printed.splitlines()) if line.strip()), "it printed nothing"
        )
        raise RuntimeError(f"a process {what}: {last}\n{self.printed[-3000:]}")

    def kill(self) -> None:
        """End it, and all that it has started, by SIGKILL."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
