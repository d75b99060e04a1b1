"""The checkpoints of a run that it can go on from: which there are, which is newest, which may go.

Names: ``model_iter_<steps>`` within an epoch, ``model_<epoch>`` (from 0, as fast-reid's) after one,
``model_best``, ``model_final``. All hold the whole state of the run.
"""

import logging
import re
from pathlib import Path
from typing import Any

import torch
from fastreid.utils import comm

from mdpr.checkpoint.checkpointer import LAST
from mdpr.checkpoint.reading import read_checkpoint
from mdpr.errors import CheckpointError

logger = logging.getLogger(__name__)

_NUMBERED = re.compile(r"model_(iter_)?(\d{4,})\.pth")


def step_name(steps: int) -> str:
    """Name of a checkpoint within an epoch, after so many steps of the run."""
    return f"model_iter_{steps:08d}"


def epoch_name(epoch: int) -> str:
    """Name of a checkpoint after an epoch (from 0)."""
    return f"model_{epoch:04d}"


def find_resume_point(folder: str | Path) -> tuple[Path, dict[str, Any]] | None:
    """The newest sound checkpoint: the one that ``last_checkpoint`` names, or else another.

    Returns:
        The file and what it holds; None where the folder has no checkpoint of a run.

    Raises:
        CheckpointError: there are checkpoints, and none of them is sound.
    """
    folder = Path(folder)
    named = named_last(folder)
    others = sorted(
        (path for path in folder.glob("model_*.pth") if path != named), key=_progress, reverse=True
    )
    damaged = []
    for path in [*([named] if named else []), *others]:
        try:
            content = read_checkpoint(path)
        except (CheckpointError, FileNotFoundError) as error:
            damaged.append(path.name)
            logger.warning("Not resuming from %s: %s", path.name, error)
            continue
        if "epoch" not in content or "optimizer" not in content:
            continue  # of no run
        if damaged:
            logger.warning("Resuming from %s, the newest sound checkpoint", path.name)
        return path, content
    if damaged:
        raise CheckpointError(
            f"no checkpoint in {folder} can be resumed from ({', '.join(damaged)}): start anew without "
            "--resume, which keeps these files in previous/"
        )
    return None


def agreed_resume_point(folder: str | Path) -> tuple[Path, dict[str, Any]] | None:
    """`find_resume_point`, by the first process; the others, on all machines, read what it found.

    Every process must call it.

    Raises:
        CheckpointError: as `find_resume_point`, or a process does not see that checkpoint.
    """
    found, problem = None, ""
    if comm.is_main_process():
        try:
            found = find_resume_point(folder)
        except CheckpointError as error:
            problem = str(error)
    name, problem = comm.all_gather(("" if found is None else found[0].name, problem))[0]
    if problem:
        raise CheckpointError(problem)
    if not name:
        return None
    path = Path(folder) / name
    if not all(comm.all_gather(path.is_file())):
        raise CheckpointError(
            f"not all processes find {name} in {folder}: OUTPUT_DIR has to be one that all machines see"
        )
    return found or (path, read_checkpoint(path, verify=False))


def prune(folder: str | Path, keep: int, current: str, steps: int, steps_per_epoch: int) -> None:
    """Remove old checkpoints, once a newer one is safely written.

    Args:
        folder: folder of the run.
        keep: how many of the newest ``model_iter_*`` and ``model_<epoch>`` stay; 0 or less keeps all.
            ``model_best`` and ``model_final`` always stay.
        current: name of the checkpoint just written; it stays.
        steps: steps of the run it holds. A ``model_iter_*`` of the same step has become needless.
        steps_per_epoch: steps of an epoch.
    """
    points: dict[Path, int] = {}
    for path in Path(folder).glob("model_*.pth"):
        match = _NUMBERED.fullmatch(path.name)
        if match is None or path.stem == current:
            continue
        number = int(match[2])
        points[path] = number if match[1] else (number + 1) * steps_per_epoch
        if path.stem == step_name(steps):
            path.unlink()
            del points[path]
    if keep <= 0:
        return
    others = keep - (1 if _NUMBERED.fullmatch(f"{current}.pth") else 0)
    for path in sorted(points, key=lambda path: points[path], reverse=True)[others:]:
        path.unlink()


def named_last(folder: Path) -> Path | None:
    """The checkpoint that ``last_checkpoint`` names, or None."""
    try:
        name = (folder / LAST).read_text().strip()
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    return folder / name if name else None


def _progress(path: Path) -> tuple[int, int]:
    """(epochs, steps) a checkpoint holds, without reading its tensors; (-1, -1) where unreadable."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        return int(content.get("epoch", -1)) + 1, int(content.get("iteration", -1))
    except Exception:  # whatever is wrong with it is said when it is read
        return -1, -1
