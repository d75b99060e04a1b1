"""Checkpoints that a run goes on from exactly: what is in them, and the way back from one."""

import logging
import weakref
from functools import partial
from pathlib import Path
from typing import Any

from fastreid.utils import comm
from fastreid.utils.events import EventStorage

from mdpr.engine.resume.metrics_history import history_state, restore_history
from mdpr.engine.resume.random_state import random_state, restore_random_state
from mdpr.engine.resume.resume_points import agreed_resume_point, prune, step_name
from mdpr.engine.resume.run_shape import changes_of_shape, place_in_run, run_shape
from mdpr.files import remove_leftovers

logger = logging.getLogger(__name__)


class RunCheckpoints:
    """Writes the checkpoints of a run, and takes a new process back to the last one.

    `SafeCheckpointer` knows the files, `CheckpointHook` when one is due; this knows what goes into them.
    The way back has three parts: `resume` before training, `restore_history` as soon as there is a
    storage, and `restore_process` right before the first step.
    """

    def __init__(self, trainer: Any) -> None:
        self._trainer = weakref.proxy(trainer)
        self._resumed: dict[str, Any] = {}  # read, and not yet restored
        self._newest = (0, 0)  # (epochs, steps) of the newest checkpoint

    def save(
        self,
        name: str,
        *,
        steps: int,
        epochs: int | None = None,
        tag: bool = True,
        **further: Any,
    ) -> None:
        """Write a checkpoint. Every process must call it.

        Args:
            name: its name without suffix.
            steps: steps of the run that are done.
            epochs: epochs that are done, with all that comes after an epoch; None: all before the
                current one.
            tag: whether the run is to go on from it.
            further: plain values to store as well.

        Raises:
            CheckpointError: the disk is full, or cannot be written to; that of the checkpoint before this
                one, if a thread writes them.
            NonFiniteError: the step just done was not finite.
        """
        trainer = self._trainer
        trainer.step.settle()
        epochs = trainer.epoch if epochs is None else epochs
        random, unread = comm.gather(random_state()), comm.gather(trainer.step.scalars.state_dict())
        if tag:
            self._newest = (epochs, steps)
        if not comm.is_main_process():
            return
        trainer.checkpointer.save(
            name,
            tag=tag,
            then=partial(self._remove_old, name, steps) if tag else lambda: None,
            epoch=epochs - 1,  # fast-reid: the last one that is done, from 0
            iteration=steps,
            random=random,
            history=history_state(trainer.storage),
            run=self._shape(),
            unread_scalars=unread,
            **further,
        )

    def _remove_old(self, name: str, steps: int) -> None:
        trainer = self._trainer
        keep = trainer.cfg.SOLVER.CHECKPOINT_KEEP
        prune(trainer.cfg.OUTPUT_DIR, keep, name, steps, trainer.iters_per_epoch)

    def save_here(self) -> None:
        """See that a checkpoint of the step just done is on the disk. Every process must call it."""
        trainer = self._trainer
        if self._newest != (trainer.epoch, trainer.iter):
            self.save(step_name(trainer.iter), steps=trainer.iter)
        trainer.checkpointer.wait()
        # In an evaluation a signal ends a process at once, and whoever started it ends the others.
        comm.synchronize()

    def save_as_final(self) -> None:
        """Write what was resumed as ``model_final``, unless there is one."""
        if not (Path(self._trainer.cfg.OUTPUT_DIR) / "model_final.pth").exists():
            self._trainer.checkpointer.save("model_final", **self._resumed)
            self._trainer.checkpointer.wait()

    def remove_leftovers(self) -> None:
        """Remove, in the first process, the halves of files whose writing was killed."""
        if comm.is_main_process():
            for path in remove_leftovers(self._trainer.cfg.OUTPUT_DIR):
                logger.info("Removed %s, left by a write that was killed", path)

    def resume(self) -> tuple[int, int] | None:
        """Load weights and states of the newest sound checkpoint in ``OUTPUT_DIR``.

        Returns:
            The epochs and steps that are done; None where there is no checkpoint.

        Raises:
            CheckpointError: no checkpoint is sound, or it is not of this model.
        """
        trainer = self._trainer
        found = agreed_resume_point(trainer.cfg.OUTPUT_DIR)
        if found is None:
            return None
        self._resumed = content = trainer.checkpointer.restore(*found)
        epochs, steps = place_in_run(content, trainer.iters_per_epoch)
        if "run" not in content:
            trainer.data_loader.load_state_dict({"images": steps * trainer.images_per_step})
            logger.warning("The checkpoint has no random state: the run goes on, but not exactly")
            return epochs, steps
        self._newest = (epochs, steps)
        changes = changes_of_shape(content["run"], self._shape())
        if changes:
            logger.warning("The run goes on, but not exactly: %s", ", ".join(changes))
        return epochs, steps

    def restore_history(self, storage: EventStorage) -> None:
        """Give a new storage the last logged values."""
        restore_history(storage, self._resumed.get("history", {}))

    def restore_process(self) -> None:
        """Put this process's random generators and unread scalars where they were."""
        trainer, resumed = self._trainer, self._resumed
        self._resumed = {}
        if "random" in resumed:
            restore_random_state(resumed["random"], trainer.cfg.SEED, trainer.start_iter)
        unread = resumed.get("unread_scalars", [])
        if len(unread) == comm.get_world_size():
            trainer.step.scalars.load_state_dict(unread[comm.get_rank()])

    def _shape(self) -> dict[str, Any]:
        trainer = self._trainer
        images = len(trainer.data_loader.dataset)
        return run_shape(trainer.cfg, images, trainer.iters_per_epoch)
