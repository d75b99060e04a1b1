"""The objects of a run whose states a checkpoint holds."""

from typing import Any

from mdpr.checkpoint.reading import AVERAGED


def state_holders(trainer: Any) -> dict[str, Any]:
    """Whatever a resumed run cannot do without, beside the weights.

    Returns:
        Objects with ``state_dict`` and ``load_state_dict``, by their names in the file.
    """
    parts = {
        "optimizer": trainer.optimizer,
        **trainer.scheduler,  # "lr_sched", "warmup_sched"
        "loader": trainer.data_loader,
        "best": trainer.checkpoint_hook,
        "nonfinite": trainer.step.guard,
        "evaluations": trainer.evaluations,
    }
    optional = {"scaler": trainer.grad_scaler, AVERAGED: trainer.step.averaged}
    return parts | {name: part for name, part in optional.items() if part is not None}
