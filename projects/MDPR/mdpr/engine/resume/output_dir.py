"""A new run never overwrites an old one."""

from datetime import datetime
from pathlib import Path

RUN_FILES = (
    "*.pth",
    "last_checkpoint",
    "metrics.json",
    "results.json",
    "*_features.npz",
    "*_rankings.npz",
    "config.yaml",
    "log.txt*",
    "events.out.tfevents.*",
    "*.run_id",  # of loggers: a new run is a new one there too
)


def set_aside_previous_run(output_dir: str | Path) -> Path | None:
    """Move the files of a run that left a checkpoint into ``<output_dir>/previous/<time>/``.

    Only files that a run writes are moved. A folder without a checkpoint is left as it is; that nothing
    names the last one, as after a kill right behind its writing, does not matter.

    Returns:
        The folder they were moved to, or None where there was nothing to keep.
    """
    folder = Path(output_dir)
    checkpoints = [*folder.glob("last_checkpoint"), *folder.glob("model_*.pth")]
    if not checkpoints:
        return None
    ended = datetime.fromtimestamp(max(path.stat().st_mtime for path in checkpoints))
    target = folder / "previous" / ended.strftime("%Y-%m-%d_%H-%M-%S")
    number = 1
    while target.exists():
        number += 1
        target = target.with_name(f"{ended:%Y-%m-%d_%H-%M-%S}_{number}")
    target.mkdir(parents=True)
    # Checkpoints go last: if this is interrupted, the next start moves what is left.
    files = {path for pattern in RUN_FILES for path in folder.glob(pattern)}
    for path in sorted(files, key=lambda path: (path in checkpoints, path.name)):
        path.rename(target / path.name)
    return target
