"""fast-reid's training loop, from any step of a run on."""

import logging
from collections import OrderedDict
from pathlib import Path
from typing import Any

from fastreid.config import CfgNode
from fastreid.engine import DefaultTrainer
from fastreid.utils import comm
from fastreid.utils.events import EventStorage
from torch import nn

from mdpr.checkpoint.checkpointer import SafeCheckpointer
from mdpr.checkpoint.resume_points import prune, step_name
from mdpr.data.train_loader import TrainLoader
from mdpr.engine.metrics_history import history_state, restore_history
from mdpr.engine.random_state import gather_random_states, restore_random_state
from mdpr.engine.signals import SignalWatch, StoppedBySignal
from mdpr.errors import MDPRError
from mdpr.files import remove_leftovers

__all__ = ["ResumableTrainer"]

logger = logging.getLogger(__name__)


class ResumableTrainer(DefaultTrainer):
    """The loop, and what it takes to leave it at one step and enter it again at the same.

    A subclass sets ``cfg``, ``checkpointer``, ``images_per_step``, ``iters_per_epoch``, ``max_epoch`` and
    what fast-reid's trainer needs.
    """

    cfg: CfgNode
    checkpointer: SafeCheckpointer
    data_loader: TrainLoader
    storage: EventStorage
    images_per_step: int
    iters_per_epoch: int
    max_epoch: int
    epoch: int
    iter: int
    start_epoch = 0  # epochs that are done, with all that comes after an epoch
    start_iter = 0  # steps that are done
    stop_after_epoch = False
    """A hook that sets it, after an epoch, makes that epoch the last."""

    def __init__(self) -> None:
        """Unlike fast-reid's, this builds nothing."""
        super(DefaultTrainer, self).__init__()
        self.signals = SignalWatch()
        self._resumed: dict[str, Any] = {}
        self._on_disk = (0, 0)  # (epochs, steps) of the newest checkpoint

    @property
    def is_last_epoch(self) -> bool:
        """Whether no epoch follows this one."""
        return self.stop_after_epoch or self.epoch + 1 >= self.max_epoch

    def resume_or_load(self, resume: bool = True) -> None:
        """Continue the run in ``OUTPUT_DIR``, or start from ``MODEL.WEIGHTS``.

        Args:
            resume: whether to continue, where there is a checkpoint.

        Raises:
            CheckpointError: no checkpoint is sound, or it is not of this model.
        """
        folder = self.cfg.OUTPUT_DIR
        if comm.is_main_process():
            for path in remove_leftovers(folder):
                logger.info("Removed %s, left by a write that was killed", path)
        beside = self.checkpointer.resume() if resume else None
        if beside is not None:
            self._go_on_from(beside)
            return
        if resume:
            logger.info("--resume: no checkpoint in %s yet, starting anew", folder)
        self.checkpointer.load(self.cfg.MODEL.WEIGHTS, checkpointables=[])

    def train(self) -> OrderedDict[str, Any]:
        """Train to the last epoch.

        Returns:
            Metrics of the last evaluation, in percent; empty in processes other than the first.

        Raises:
            StoppedBySignal: SIGTERM or SIGINT came; everything is saved.
        """
        over = self.over()
        if over:
            logger.info("%s: evaluating the last checkpoint", over)
            if not (Path(self.cfg.OUTPUT_DIR) / "model_final.pth").exists():
                self.checkpointer.save("model_final", **self._resumed)
            return self.test(self.cfg, self.model_to_evaluate())
        logger.info("Starting training from epoch %d", self.start_epoch)
        self.iter = self.start_iter
        with self.signals, EventStorage(self.start_iter) as self.storage:
            restore_history(self.storage, self._resumed.get("history", {}))
            try:
                self.before_train()
                self.restore_process(self._resumed)
                self._resumed = {}
                self._run_epochs()
            except MDPRError:
                raise  # says all there is to say
            except Exception:
                logger.exception("Exception during training:")
                raise
            finally:
                self.after_train()
                self.data_loader.close()
        return getattr(self, "_last_eval_results", None) or OrderedDict()

    def over(self) -> str | None:
        """Why there is nothing (more) to train; None where there is."""
        return (
            f"All {self.max_epoch} epochs are done" if self.start_epoch >= self.max_epoch else None
        )

    def model_to_evaluate(self) -> nn.Module:
        """What evaluations are about."""
        return self.model

    def save_checkpoint(
        self,
        name: str,
        *,
        steps: int,
        epochs: int | None = None,
        tag: bool = True,
        **beside: Any,
    ) -> None:
        """Write a checkpoint that this run can go on from. Every process must call it.

        Args:
            name: its name without suffix.
            steps: steps of the run that are done.
            epochs: epochs that are done, with all that comes after an epoch; None: all before the
                current one.
            tag: whether the run is to go on from it.
            beside: further plain values to store.

        Raises:
            CheckpointError: the disk is full, or cannot be written to.
        """
        epochs = self.epoch if epochs is None else epochs
        random = gather_random_states()
        if tag:
            self._on_disk = (epochs, steps)
        if not comm.is_main_process():
            return
        self.checkpointer.save(
            name,
            tag=tag,
            epoch=epochs - 1,  # fast-reid: the last one that is done, from 0
            iteration=steps,
            random=random,
            history=history_state(self.storage),
            run=self._shape(),
            **beside,
        )
        if tag:
            keep = self.cfg.SOLVER.CHECKPOINT_KEEP
            prune(self.cfg.OUTPUT_DIR, keep, name, steps, self.iters_per_epoch)

    def save_before_evaluation(self) -> None:
        """Write a checkpoint of the epoch that is about to be evaluated, unless there is one."""
        if self._on_disk != (self.epoch, self.iter):
            self.save_checkpoint(step_name(self.iter), steps=self.iter)
            # In an evaluation a signal ends a process at once, and whoever started it ends the others.
            comm.synchronize()

    def restore_process(self, resumed: dict[str, Any]) -> None:
        """Put this process where it was, after everything that all processes share.

        Args:
            resumed: what the checkpoint holds beside states; empty in a new run.
        """
        if "random" in resumed:
            restore_random_state(resumed["random"], self.cfg.SEED, self.start_iter)

    def any_process(self, flag: bool) -> bool:
        """Whether any process says so. Every process must call it."""
        return any(comm.all_gather(flag))

    def _run_epochs(self) -> None:
        for epoch in range(self.start_epoch, self.max_epoch):
            self.epoch = epoch
            self.before_epoch()
            while self.iter < (self.epoch + 1) * self.iters_per_epoch:
                self.before_step()
                self.run_step()
                self.data_loader.commit()
                self.after_step()
                self.iter += 1
                self._stop_if_told()
            self.storage.iter = self.iter - 1
            self.after_epoch()
            if self.is_last_epoch:
                break

    def _stop_if_told(self) -> None:
        number = self.signals.agreed()
        if not number:
            return
        if self._on_disk != (self.epoch, self.iter):
            self.save_checkpoint(step_name(self.iter), steps=self.iter)
        logger.info(
            "Stopped by signal %d after step %d of %d, saved: go on with --resume",
            number,
            self.iter,
            self.max_epoch * self.iters_per_epoch,
        )
        raise StoppedBySignal(number)

    def _go_on_from(self, beside: dict[str, Any]) -> None:
        """Set the place in the run from what a checkpoint holds beside states."""
        self._resumed = beside
        self.start_epoch = beside["epoch"] + 1
        self.start_iter = self.start_epoch * self.iters_per_epoch
        if "run" not in beside:
            self.data_loader.load_state_dict({"images": self.start_iter * self.images_per_step})
            logger.warning("The checkpoint has no random state: the run goes on, but not exactly")
            return
        then, now = beside["run"], self._shape()
        within = beside["iteration"] - self.start_epoch * then["steps per epoch"]
        self.start_iter += within * self.iters_per_epoch // then["steps per epoch"]
        self._on_disk = (self.start_epoch, self.start_iter)
        changed = [
            f"{key} {then.get(key)} -> {now[key]}" for key in now if then.get(key) != now[key]
        ]
        if changed:
            logger.warning("The run goes on, but not exactly: %s", ", ".join(changed))

    def _shape(self) -> dict[str, Any]:
        """What has to be the same for a resumed run to be the same run."""
        loader = self.cfg.DATALOADER
        return {
            "SEED": self.cfg.SEED,
            "SOLVER.IMS_PER_BATCH": self.cfg.SOLVER.IMS_PER_BATCH,
            "SOLVER.ACCUMULATE": self.cfg.SOLVER.ACCUMULATE,
            "DATALOADER.SAMPLER_TRAIN": loader.SAMPLER_TRAIN,
            "DATALOADER.NUM_INSTANCE": loader.NUM_INSTANCE,
            "training images": len(self.data_loader.dataset),
            "steps per epoch": self.iters_per_epoch,
            "processes": comm.get_world_size(),
        }
