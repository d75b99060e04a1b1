"""Start Python in a process of its own, as a user does from the checkout."""

import os
import socket
import subprocess
import sys
from contextlib import closing

from support.configs import ROOT

PACKAGE = ROOT / "projects/MDPR"


def python(*arguments, timeout=300, **environment) -> subprocess.CompletedProcess:
    """Run ``python ARGUMENTS`` in the checkout's root, with further environment variables."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(PACKAGE), **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def start_train_net(*arguments, torchrun=(), **environment) -> subprocess.Popen:
    """Start ``train_net.py ARGUMENTS`` in a session of its own; what it prints is one pipe, ``stdout``.

    With options for torchrun, that starts it.
    """
    starter = ("-m", "torch.distributed.run", *map(str, torchrun)) if torchrun else ()
    return subprocess.Popen(
        [sys.executable, *starter, PACKAGE / "train_net.py", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(PACKAGE), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def train_net(*arguments, **environment) -> subprocess.CompletedProcess:
    """Run ``python projects/MDPR/train_net.py ARGUMENTS``."""
    return python(PACKAGE / "train_net.py", *arguments, **environment)


def free_url() -> str:
    """A ``--dist-url`` that nobody uses."""
    with closing(socket.socket()) as listening:
        listening.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{listening.getsockname()[1]}"


def whereabouts(variable: str) -> list[dict]:
    """The process this is called in, and a variable of its environment."""
    return [{"process": os.getpid(), "value": os.environ.get(variable)}]
