"""Write files so that nobody ever sees half of one."""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

# What `write_atomically` calls its temporary files: .<name>.<8 random characters>.tmp
_TEMPORARY = re.compile(r"\..+\.\w{8}\.tmp")


@contextmanager
def write_atomically(path: str | Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a temporary file beside ``path`` that takes its place when the block ends well.

    Until then, and where the block fails or the process is killed, what was at ``path`` stays as it
    was. The content is on the disk before the name points to it, and the name is when this returns.

    Args:
        path: the file to write; its folder is made where it is missing.
        mode: "w" or "wb".
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(descriptor, mode) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)  # mkstemp makes files that only their owner can read
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def remove_leftovers(folder: str | Path) -> list[Path]:
    """Remove the temporary files of writes that were killed. Nobody may be writing there.

    Args:
        folder: where `write_atomically` wrote; need not exist.

    Returns:
        The files removed.
    """
    leftovers = [path for path in sorted(Path(folder).glob(".*.tmp")) if _TEMPORARY.fullmatch(path.name)]
    for path in leftovers:
        path.unlink(missing_ok=True)
    return leftovers


def _sync_folder(folder: Path) -> None:
    """Put a rename on the disk, where the system can."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
