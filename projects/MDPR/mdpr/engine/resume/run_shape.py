"""What decides which images a run sees when, and where in the run a checkpoint stands."""

from collections.abc import Mapping
from typing import Any

from fastreid.config import CfgNode
from fastreid.utils import comm


def run_shape(cfg: CfgNode, training_images: int, steps_per_epoch: int) -> dict[str, Any]:
    """What has to be the same for a resumed run to be the same run; it is part of every checkpoint."""
    loader = cfg.DATALOADER
    return {
        "SEED": cfg.SEED,
        "SOLVER.IMS_PER_BATCH": cfg.SOLVER.IMS_PER_BATCH,
        "SOLVER.ACCUMULATE": cfg.SOLVER.ACCUMULATE,
        "DATALOADER.SAMPLER_TRAIN": loader.SAMPLER_TRAIN,
        "DATALOADER.NUM_INSTANCE": loader.NUM_INSTANCE,
        "training images": training_images,
        "steps per epoch": steps_per_epoch,
        "processes": comm.get_world_size(),
    }


def changes_of_shape(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """One text such as "SEED 0 -> 5" for each fact of `run_shape` that is not what it was."""
    return [f"{key} {then.get(key)} -> {now[key]}" for key in now if then.get(key) != now[key]]


def place_in_run(content: Mapping[str, Any], steps_per_epoch: int) -> tuple[int, int]:
    """Epochs and steps that are done by a checkpoint.

    Args:
        content: of the checkpoint. One of fast-reid's stands at the end of its epoch.
        steps_per_epoch: of this run; where epochs had other lengths, the share that was done counts.
    """
    epochs = content["epoch"] + 1
    steps = epochs * steps_per_epoch
    if "run" in content:
        before = content["run"]["steps per epoch"]
        within = content["iteration"] - epochs * before
        steps += within * steps_per_epoch // before
    return epochs, steps
