"""When checkpoints are written, and which stay."""

import math
from typing import Any

from fastreid.config import CfgNode
from fastreid.engine.hooks import HookBase
from fastreid.utils import comm

from mdpr.data.validation import evaluated_sets
from mdpr.engine.resume.resume_points import epoch_name, step_name


class CheckpointHook(HookBase):
    """Writes checkpoints after epochs and within them, and keeps the best.

    It comes last of all hooks, so that what a checkpoint says was done is done, and logged.

    Args:
        cfg: ``SOLVER`` says when; of several tested sets the first one decides what is best.
    """

    def __init__(self, cfg: CfgNode) -> None:
        tests = evaluated_sets(cfg)
        self._every_epochs = cfg.SOLVER.CHECKPOINT_PERIOD
        self._every_steps = cfg.SOLVER.CHECKPOINT_EVERY_ITERATIONS
        self._metric = "metric" if len(tests) == 1 else f"{tests[0]}/metric"  # as fast-reid logs it
        self.best = -1.0
        self.best_epoch = -1

    def state_dict(self) -> dict[str, Any]:
        """The best metric so far, and its epoch (from 0; -1: none)."""
        return {"metric": self.best, "epoch": self.best_epoch}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`."""
        self.best, self.best_epoch = state["metric"], state["epoch"]

    def after_step(self) -> None:
        """Write one within an epoch, if it is time."""
        steps = self.trainer.iter + 1
        if self._every_steps and steps % self._every_steps == 0:
            self.trainer.checkpoints.save(step_name(steps), steps=steps)

    def after_epoch(self) -> None:
        """Write the best, the periodic and the last one, if it is time."""
        trainer = self.trainer
        metric = self._latest()
        names = []
        # Only a checkpoint that ends the epoch is gone on from: if the run is killed behind
        # model_best, the evaluation is done again, and what comes after it.
        if any(comm.all_gather(metric is not None and metric > self.best)):
            if metric is not None:  # known in the first process, which writes
                self.best, self.best_epoch = metric, trainer.epoch
            names.append("model_best")
        if trainer.is_last_epoch:
            names.append("model_final")
        elif (trainer.epoch + 1) % self._every_epochs == 0:
            names.append(epoch_name(trainer.epoch))
        for name in names:
            trainer.checkpoints.save(
                name,
                steps=trainer.iter,
                epochs=trainer.epoch + 1,
                tag=name != "model_best",
                metric=-1.0 if metric is None else metric,
            )

    def _latest(self) -> float | None:
        """The metric of this epoch's evaluation, where there was one and it is a number."""
        value, step = self.trainer.storage.latest().get(self._metric, (math.nan, -1))
        return value if step == self.trainer.iter - 1 and not math.isnan(value) else None
