"""Logged values across a restart.

What is logged of a loss is the median of its last 20 values, so a run that goes on needs the values
from before; and what it logged after its checkpoint is logged again, and must not stand there twice.
"""

import json
import logging
from pathlib import Path
from typing import Any

from fastreid.utils.events import EventStorage, EventWriter, JSONWriter, TensorboardXWriter

logger = logging.getLogger(__name__)

VALUES_KEPT = 20  # the window of fast-reid's writers and of the progress report
SECONDS_UNSEEN = 10  # that a curve may lag behind, for TensorBoard


def history_state(storage: EventStorage) -> dict[str, Any]:
    """The last values of every scalar, and what a writer needs to know of it."""
    return {
        name: {
            "values": [[float(value), int(step)] for value, step in buffer.values()[-VALUES_KEPT:]],
            "count": buffer._count,
            "mean": float(buffer.global_avg()),
            "smoothed": storage.smoothing_hints()[name],
        }
        for name, buffer in storage.histories().items()
    }


def restore_history(storage: EventStorage, state: dict[str, Any]) -> None:
    """Bring a new storage to where `history_state` was taken."""
    for name, scalar in state.items():
        buffer = storage._history[name]
        for value, step in scalar["values"]:
            buffer.update(value, step)
        buffer._count, buffer._global_avg = scalar["count"], scalar["mean"]
        storage._smoothing_hints[name] = scalar["smoothed"]
        storage._latest_scalars[name] = (buffer.values()[-1][0], int(buffer.values()[-1][1]))


def truncate_metrics(path: str | Path, first_step: int) -> int:
    """Cut off what was logged of steps that are about to be done again.

    Args:
        path: a ``metrics.json``: one JSON object a line; need not exist.
        first_step: lines of this step (from 0) and all that follow go, and a line that was being
            written when the process was killed.

    Returns:
        The last step that is left in the file, or -1.
    """
    path = Path(path)
    if not path.is_file():
        return -1
    last, kept = -1, 0
    with path.open("rb+") as file:
        for line in file:
            step = _step(line)
            if step is None or step >= first_step:
                break
            last, kept = step, kept + len(line)
        file.truncate(kept)
    return last


def _step(line: bytes) -> int | None:
    if not line.endswith(b"\n"):
        return None
    try:
        return int(json.loads(line)["iteration"])
    except (ValueError, KeyError, TypeError):
        return None


def curve_writers(folder: str, first_step: int) -> list[EventWriter]:
    """Writers of ``metrics.json`` and of curves for TensorBoard in ``folder``, from a step on.

    Both hide what was logged of steps that are done again.
    """
    path = str(Path(folder) / "metrics.json")
    last = truncate_metrics(path, first_step)
    file = JSONWriter(path)
    curves = TensorboardXWriter(folder, purge_step=first_step or None, flush_secs=SECONDS_UNSEEN)
    file._last_write = curves._last_write = last
    return [file, curves]
