"""From the device to the curves: the losses of every few steps, read at once."""

from fastreid.engine.hooks import HookBase
from fastreid.utils import comm

from mdpr.engine.reporting.loss_groups import loss_groups
from mdpr.engine.reporting.memory import memory_now

MEASURED_SCALARS = (
    "data_time",
    "data_wait_share",
    "eta_seconds",
    "images_per_second",
    "memory/resident_gb",
    "memory/gpu_gb",
)
"""What a clock or the machine gave, not the run: no two runs have the same."""


class ScalarReader(HookBase):
    """Reads the means of the step's scalars every ``SOLVER.LOG_PERIOD`` steps and at the end of an epoch.

    They go to the run's storage, the loss terms also summed by group (``loss_group/hard``, ...), with
    epochs done, speed, time left, share of the time spent waiting for data, and memory of the first
    process. Every process runs
    it, since the means are over all of them.
    """

    def __init__(self) -> None:
        self._latest: dict[str, float] = {}

    def after_step(self) -> None:
        """Read where it is time."""
        if (self.trainer.iter + 1) % self.trainer.cfg.SOLVER.LOG_PERIOD == 0:
            self._read()

    def after_epoch(self) -> None:
        """Read what is left."""
        self._read()

    def shown(self) -> dict[str, float]:
        """The means to show now: without a wait for a GPU, except before the first reading."""
        step = self.trainer.step
        if step.device.type == "cpu" or not self._latest:
            return step.scalars.peek() or self._latest
        return self._latest

    def _read(self) -> None:
        trainer = self.trainer
        trainer.step.settle()
        means = trainer.step.scalars.read()
        time, steps = trainer.clock.take_mark()
        if not means or not comm.is_main_process():
            return
        self._latest = means
        scalars = dict(means)
        scalars |= {f"loss_group/{name}": value for name, value in loss_groups(means).items()}
        steps_done = trainer.storage.iter + 1
        scalars["epoch"] = steps_done / trainer.iters_per_epoch
        scalars["eta_seconds"] = trainer.clock.seconds_for(trainer.max_iter - steps_done)
        if steps:
            scalars["data_time"] = time.waiting / steps
            scalars["data_wait_share"] = time.waiting_share
            scalars["images_per_second"] = trainer.images_per_step * steps / max(time.total, 1e-9)
        memory = memory_now()
        scalars["memory/resident_gb"] = memory.resident / 2**30
        if memory.gpu is not None:
            scalars["memory/gpu_gb"] = memory.gpu / 2**30
        trainer.storage.put_scalars(smoothing_hint=False, **scalars)
