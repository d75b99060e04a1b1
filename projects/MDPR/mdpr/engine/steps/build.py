"""The training step that a config asks for."""

from typing import Any

from fastreid.config import CfgNode
from torch import nn
from torch.optim import Optimizer

from mdpr.engine.steps.ema import AveragedWeights
from mdpr.engine.steps.mixed_precision import Precision
from mdpr.engine.steps.nonfinite import NonFiniteGuard
from mdpr.engine.steps.training_step import TrainingStep
from mdpr.errors import ConfigError


def build_step(
    cfg: CfgNode,
    model: nn.Module,
    data_loader: Any,
    optimizer: Optimizer,
    parameters: Any,
) -> TrainingStep:
    """The step under ``SOLVER``."""
    solver = cfg.SOLVER
    return TrainingStep(
        model,
        data_loader,
        optimizer,
        parameters,
        precision=Precision.from_config(cfg),
        accumulate=solver.ACCUMULATE,
        guard=NonFiniteGuard(cfg.OUTPUT_DIR, cfg.dump(), max_skipped=solver.SKIP_NONFINITE),
        compiled=solver.COMPILE,
        averaged=AveragedWeights(model, solver.EMA.DECAY) if solver.EMA.ENABLED else None,
    )


def steps_per_epoch(cfg: CfgNode, training_images: int) -> int:
    """Steps of the optimizer in which every training image would be seen once; the remainder is left out.

    Raises:
        ConfigError: a step takes more images than there are.
    """
    batch, accumulate = cfg.SOLVER.IMS_PER_BATCH, cfg.SOLVER.ACCUMULATE
    steps = training_images // (batch * accumulate)
    if steps == 0:
        raise ConfigError(
            f"SOLVER.ACCUMULATE is {accumulate} at SOLVER.IMS_PER_BATCH {batch}: expected a step of no "
            f"more than the {training_images} training images"
        )
    return steps
