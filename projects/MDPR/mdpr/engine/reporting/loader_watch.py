"""A warning where the network waits for images."""

import logging
import math

from fastreid.engine.hooks import HookBase

from mdpr.engine.reporting.clock import WINDOW, StepTime
from mdpr.host import usable_cores

logger = logging.getLogger(__name__)

WARM_UP = 20  # steps in which loaders start and caches fill
TOO_MUCH = 0.2  # share of a step's time


class LoaderWatch(HookBase):
    """Warns once where more than a fifth of the time goes into waiting, and says what to try."""

    _is_done = False

    def after_step(self) -> None:
        """Look at the last steps, once there are enough."""
        clock = self.trainer.clock
        if self._is_done or clock.steps < WARM_UP + WINDOW:
            return
        recent = clock.recent
        if recent.waiting_share <= TOO_MUCH:
            return
        self._is_done = True
        logger.warning(
            "Data loading is the bottleneck: of the last %d steps %.0f %% was waiting for images. %s",
            WINDOW,
            100 * recent.waiting_share,
            _advice(self.trainer.data_loader.num_workers, recent, usable_cores()),
        )


def _advice(workers: int, step: StepTime, cores: int) -> str:
    more = workers_to_try(workers, step, cores)
    if more > workers:
        return f"Try DATALOADER.NUM_WORKERS {more} (now {workers}; {cores} CPU cores per process)"
    return (
        f"All {cores} CPU cores of this process load already (DATALOADER.NUM_WORKERS {workers}): "
        "smaller image files, a faster disk or lighter augmentation would help"
    )


def workers_to_try(workers: int, step: StepTime, cores: int) -> int:
    """Loader workers that would load a batch in the time it takes to compute one.

    Workers load side by side, so with W of them a batch comes every (its loading time / W), which is
    the length of a step while the step waits. Without workers, the wait is the loading time.

    Args:
        workers: W, loader workers now.
        step: mean time of a step, some of it waiting.
        cores: CPU cores; more workers than that are never advised.

    Returns:
        At least 1.
    """
    computing = max(step.total - step.waiting, 1e-9)
    loading = step.total * workers if workers else step.waiting
    return min(max(1, math.ceil(loading / computing)), max(1, cores))
