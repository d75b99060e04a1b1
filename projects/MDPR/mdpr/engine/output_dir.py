"""A new run never overwrites an old one."""

from datetime import datetime
from pathlib import Path

__all__ = ["set_aside_previous_run"]

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
)


def set_aside_previous_run(output_dir: str | Path) -> Path | None:
    """Move the files of a run that left a checkpoint into ``<output_dir>/previous/<time>/``.

    Only files that a run writes are moved. A folder without a checkpoint is left as it is.

    Returns:
        The folder they were moved to, or None where there was nothing to keep.
    """
    folder = Path(output_dir)
    if not (folder / "last_checkpoint").is_file():
        return None
    started = datetime.fromtimestamp((folder / "last_checkpoint").stat().st_mtime)
    target = folder / "previous" / started.strftime("%Y-%m-%d_%H-%M-%S")
    number = 1
    while target.exists():
        number += 1
        target = target.with_name(f"{started:%Y-%m-%d_%H-%M-%S}_{number}")
    target.mkdir(parents=True)
    # last_checkpoint goes last: if this is interrupted, the next start moves what is left.
    files = [path for pattern in RUN_FILES for path in sorted(folder.glob(pattern))]
    for path in sorted(files, key=lambda path: path.name == "last_checkpoint"):
        path.rename(target / path.name)
    return target
