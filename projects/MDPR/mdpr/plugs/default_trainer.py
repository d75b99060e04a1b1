"""fast-reid's own trainer: what it cannot do with a config is said in one line.

`mdpr.engine.trainer.Trainer` does not come by here: it does all of it.
"""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

import fastreid.engine.defaults
import torch
from fastreid.config import CfgNode, get_cfg
from fastreid.engine import DefaultTrainer
from fastreid.engine.train_loop import AMPTrainer, SimpleTrainer

from mdpr.config import add_mdpr_config, changed
from mdpr.data.validation import evaluated_sets
from mdpr.rules import value_of

logger = logging.getLogger(f"fastreid.{__name__}")  # whose log fast-reid's set-up shows and keeps

# Of this project, and without effect where fast-reid's trainer runs.
NOT_HONOURED = (
    "MODEL.ACCELERATE",
    "MODEL.MDPR.RECOMPUTE_ACTIVATIONS",
    "SEED",
    "SOLVER.ACCUMULATE",
    "SOLVER.AMP.DTYPE",
    "SOLVER.CHECKPOINT_EVERY_ITERATIONS",
    "SOLVER.CHECKPOINT_KEEP",
    "SOLVER.COMPILE",
    "SOLVER.EARLY_STOPPING.PATIENCE",
    "SOLVER.EMA.ENABLED",
    "SOLVER.LOGGERS",
    "SOLVER.LOG_PERIOD",
    "SOLVER.NEW_LAYERS_WARMUP_ITERS",
    "SOLVER.SKIP_NONFINITE",
    "TEST.MDPR.DEPLOY",
    "TEST.MDPR.PRECISION",
)


def warn_of_keys(cfg: CfgNode) -> None:
    """Log, in one line, which keys of this project a config sets in vain."""
    defaults = get_cfg()
    add_mdpr_config(defaults)
    vain = [key for key in NOT_HONOURED if _value(cfg, key) not in (None, value_of(defaults, key))]
    if vain:
        logger.warning(
            "fast-reid's own trainer does not know %s: mdpr.engine.trainer.Trainer (train_net.py) does",
            ", ".join(f"{key} {_value(cfg, key)!r}" for key in vain),
        )


def _value(cfg: CfgNode, key: str) -> Any:
    """None for a key that the config does not have."""
    try:
        return value_of(cfg, key)
    except (KeyError, AttributeError):
        return None


def training_step(model: torch.nn.Module, *arguments: Any) -> SimpleTrainer:
    """fast-reid's step with ``SOLVER.AMP.ENABLED``: mixed on a GPU, which it insists on, else plain."""
    if next(model.parameters()).is_cuda:
        return AMPTrainer(model, *arguments)
    logger.warning("SOLVER.AMP of fast-reid's own trainer is for GPUs: training in float32 on the CPU")
    return SimpleTrainer(model, *arguments)


def with_warnings(build: Callable[..., None]) -> Callable[..., None]:
    """Wrap the trainer's constructor."""

    @wraps(build)
    def __init__(self: DefaultTrainer, cfg: CfgNode) -> None:  # noqa: N807 - it becomes the constructor
        warn_of_keys(cfg)
        if cfg.MODEL.DEVICE.startswith("cuda:"):
            torch.cuda.set_device(cfg.MODEL.DEVICE)  # batches go to the present one
        if _value(cfg, "DATASETS.VAL_FRACTION"):
            cfg = changed(cfg, "DATASETS.TESTS", evaluated_sets(cfg))
        build(self, cfg)

    return __init__


def apply() -> None:
    """Make ``DefaultTrainer`` warn, and train on CPUs with a config that asks for mixed precision."""
    if not hasattr(DefaultTrainer.__init__, "__wrapped__"):
        DefaultTrainer.__init__ = with_warnings(DefaultTrainer.__init__)
        fastreid.engine.defaults.AMPTrainer = training_step
