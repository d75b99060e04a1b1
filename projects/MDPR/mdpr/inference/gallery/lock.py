"""One writer at a time. The system holds the lock, so that of a process that died is gone with it."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from mdpr.errors import GalleryError


@contextmanager
def writer_lock(folder: Path, wait: float) -> Iterator[None]:
    """Be the only writer of a gallery, among all processes and threads, while the block runs.

    Raises:
        GalleryError: another one is still writing after ``wait`` seconds: which, where, and since when.
    """
    try:
        import fcntl  # noqa: PLC0415
    except ImportError as error:
        raise GalleryError("a gallery cannot be written here: only Linux and macOS have fcntl") from error
    until = time.monotonic() + wait
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() >= until:
                    holder = os.pread(descriptor, 1000, 0).decode().partition("\n")[0] or "another process"
                    raise GalleryError(f"{folder} is being written by {holder}; try again") from error
                time.sleep(0.01)
        since = datetime.now().astimezone().isoformat(timespec="seconds")
        os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()} since {since}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
