"""When the learning rate changes."""

import logging
import warnings

from fastreid.config import CfgNode
from fastreid.engine.hooks import LRScheduler
from fastreid.solver import build_lr_scheduler
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR
from torch.optim.lr_scheduler import LRScheduler as Schedule

from mdpr.engine.hooks.new_layers_warmup import SCHEDULED, schedule_of_all

logger = logging.getLogger(__name__)


def build_schedulers(cfg: CfgNode, optimizer: Optimizer, iters_per_epoch: int) -> dict[str, Schedule]:
    """fast-reid's schedulers, also where warm-up takes all epochs.

    The cosine then has no epoch left to run over, and fast-reid would divide by zero. The learning rates are
    those of the first step.
    """
    steps = cfg.SOLVER.MAX_EPOCH * iters_per_epoch
    for key in ("WARMUP_ITERS", "NEW_LAYERS_WARMUP_ITERS"):
        if steps <= cfg.SOLVER[key]:
            logger.warning(
                "SOLVER.%s is %d and training has %d steps: the learning rate never reaches SOLVER.BASE_LR",
                key,
                cfg.SOLVER[key],
                steps,
            )
    with schedule_of_all(cfg, optimizer, 0):
        schedulers = build_lr_scheduler(cfg, optimizer, iters_per_epoch)
    main = schedulers["lr_sched"]
    if isinstance(main, CosineAnnealingLR):
        main.T_max = max(1, main.T_max)
    return schedulers


class StepSchedule(LRScheduler):
    """The part of fast-reid's hook that comes after every step: a warm-up that ends where it should.

    fast-reid holds the warm-up still at each step that the gradient scaler leaves out, yet ends it by the
    iteration: with a few such steps the learning rate stays below ``SOLVER.BASE_LR`` for the whole run.
    It also reads the scaler's factor twice a step, and so waits for the GPU.

    Args:
        cfg: ``SOLVER`` is read.
        optimizer: whose learning rates change.
        schedulers: by the names of `build_schedulers`.
    """

    def __init__(self, cfg: CfgNode, optimizer: Optimizer, schedulers: dict[str, Schedule]) -> None:
        super().__init__(optimizer, schedulers)
        self._cfg = cfg

    def before_step(self) -> None:
        """Nothing: the scaler's factor is of no interest."""

    def after_step(self) -> None:
        """Log this step's learning rate, that of layers that are not new, and warm up."""
        group = self._optimizer.param_groups[self._best_param_group_id]
        rate = group.get(SCHEDULED, group["lr"])
        self.trainer.storage.put_scalar("lr", rate, smoothing_hint=False)
        with schedule_of_all(self._cfg, self._optimizer, self.trainer.iter + 1):
            if self.trainer.iter < self.trainer.warmup_iters:
                with warnings.catch_warnings():
                    # PyTorch's, where the very first step is left out: the order is as it should be.
                    warnings.filterwarnings("ignore", message="Detected call of `lr_scheduler.step")
                    self._scheduler["warmup_sched"].step()

    def after_epoch(self) -> None:
        """Nothing: `finish_epoch` comes later, once the epoch is evaluated."""

    def finish_epoch(self) -> None:
        """Set the learning rate of the next epoch."""
        with schedule_of_all(self._cfg, self._optimizer, self.trainer.iter):
            super().after_epoch()
