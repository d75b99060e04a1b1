"""The training step that a config asks for."""

from typing import Any

from fastreid.config import CfgNode
from torch import nn
from torch.optim import Optimizer

from mdpr.engine.ema import AveragedWeights
from mdpr.engine.mixed_precision import Precision
from mdpr.engine.steps.nonfinite import NonFiniteGuard
from mdpr.engine.steps.training_step import TrainingStep
from mdpr.engine.training_settings import TrainingSettings

__all__ = ["build_step"]


def build_step(
    cfg: CfgNode,
    model: nn.Module,
    data_loader: Any,
    optimizer: Optimizer,
    parameters: Any,
    *,
    settings: TrainingSettings,
) -> TrainingStep:
    """The step under ``SOLVER``.

    Args:
        cfg: the full config.
        model: to be trained, in a distributed wrapper where there are several processes.
        data_loader: endless, batch by batch.
        optimizer: of the model's parameters.
        parameters: its groups, as fast-reid hands them on.
        settings: read from ``cfg``.
    """
    decay = settings.ema_decay
    return TrainingStep(
        model,
        data_loader,
        optimizer,
        parameters,
        precision=Precision.from_config(cfg),
        accumulate=settings.accumulate,
        guard=NonFiniteGuard(cfg.OUTPUT_DIR, cfg.dump(), max_skipped=settings.skip_nonfinite),
        averaged=None if decay is None else AveragedWeights(model, decay),
    )
