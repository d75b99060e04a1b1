"""A training in a process of its own, to be killed."""

import multiprocessing
import os
import runpy
import subprocess
import sys
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

__all__ = ["TrainingProcess"]


class TrainingProcess:
    """``train_net.py``, started.

    Args:
        train_net: path of the script.
        arguments: its arguments.
        log: file that takes what it prints.
        forked: fork this process instead of starting a new Python. That saves the seconds that
            importing PyTorch takes; this process must not have computed anything with it.
    """

    def __init__(self, train_net: Path, arguments: list[str], log: Path, *, forked: bool) -> None:
        self._log = log
        self._process: BaseProcess | subprocess.Popen[bytes]
        self.started = time.monotonic()
        if forked:
            context = multiprocessing.get_context("fork")
            self._process = context.Process(target=_run, args=(train_net, arguments, log))
            self._process.start()
        else:
            with log.open("wb") as output:
                command = [sys.executable, str(train_net), *arguments]
                self._process = subprocess.Popen(command, stdout=output, stderr=output)

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        if isinstance(self._process, subprocess.Popen):
            return self._process.poll() is None
        return self._process.is_alive()

    @property
    def printed(self) -> str:
        """What it has printed so far."""
        return self._log.read_text(errors="replace")

    def kill(self) -> int:
        """End it by SIGKILL, if it runs, and return its exit status."""
        self._process.kill()
        return self.wait()

    def wait(self) -> int:
        """Wait for its end and return its exit status."""
        if isinstance(self._process, subprocess.Popen):
            return self._process.wait()
        self._process.join()
        return self._process.exitcode or 0


def _run(train_net: Path, arguments: list[str], log: Path) -> None:
    """In the forked process: become ``python train_net.py ARGUMENTS``."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    # A forked process is a daemon of multiprocessing's, and would not be allowed loader processes.
    multiprocessing.current_process()._config["daemon"] = False  # type: ignore[attr-defined]
    sys.argv = [str(train_net), *arguments]
    runpy.run_path(str(train_net), run_name="__main__")
