"""What a user sees during training: a bar in a terminal, lines elsewhere."""

import datetime
import logging
import sys
import time
from contextlib import ExitStack
from typing import Any

from fastreid.engine.hooks import HookBase
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

__all__ = ["ProgressReporter"]

logger = logging.getLogger(__name__)

LOGGERS = ("fastreid", "mdpr")


class ProgressReporter(HookBase):
    """Loss, learning rate, images per second and time left of every epoch.

    In a terminal it is one bar an epoch, with log lines above it; when output is piped, a plain line
    at most every ``seconds_between_lines`` and one at the end of every epoch.
    """

    def __init__(self, images_per_step: int, seconds_between_lines: float = 20.0) -> None:
        """
        Args:
            images_per_step: images of one step over all processes.
            seconds_between_lines: least time between two lines, where there is no terminal.
        """
        self._images_per_step = images_per_step
        self._seconds_between_lines = seconds_between_lines
        self._in_terminal = sys.stdout.isatty()
        self._bar: tqdm | None = None
        self._resources = ExitStack()
        self._step_seconds = 0.0
        self._steps_timed = 0

    def before_epoch(self) -> None:
        """Start a bar."""
        self._epoch_started = self._last_line = time.perf_counter()
        self._steps_in_epoch = 0
        if self._in_terminal:
            self._resources.enter_context(
                logging_redirect_tqdm([logging.getLogger(name) for name in LOGGERS])
            )
            self._bar = tqdm(
                total=self.trainer.iters_per_epoch,
                desc=f"epoch {self.trainer.epoch + 1}/{self.trainer.max_epoch}",
                unit="step",
                dynamic_ncols=True,
                leave=False,
            )

    def before_step(self) -> None:
        """Note the time."""
        self._step_started = time.perf_counter()

    def after_step(self) -> None:
        """Move the bar, or log a line if the last one is long ago."""
        now = time.perf_counter()
        self._steps_in_epoch += 1
        self._step_seconds += now - self._step_started
        self._steps_timed += 1
        if self._bar is not None:
            self._bar.set_postfix_str(self._text(now), refresh=False)
            self._bar.update()
        elif now - self._last_line >= self._seconds_between_lines:
            self._last_line = now
            self._log(now)

    def after_epoch(self) -> None:
        """End the bar and leave one line of the epoch in the log."""
        self._close_bar()
        self._log(time.perf_counter())

    def after_train(self) -> None:
        """End the bar of an epoch that was broken off."""
        self._close_bar()

    def _close_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        self._resources.close()

    def _log(self, now: float) -> None:
        trainer = self.trainer
        logger.info(
            "epoch %d/%d step %d/%d  %s",
            trainer.epoch + 1,
            trainer.max_epoch,
            self._steps_in_epoch,
            trainer.iters_per_epoch,
            self._text(now),
        )

    def _text(self, now: float) -> str:
        storage: Any = self.trainer.storage
        steps_left = self.trainer.max_iter - self.trainer.iter - 1
        # What it took so far: waiting and evaluation are left out, as they come in bursts.
        seconds = self._step_seconds / max(1, self._steps_timed) * steps_left
        speed = self._images_per_step * self._steps_in_epoch / max(now - self._epoch_started, 1e-9)
        return (
            f"loss {storage.history('total_loss').median(20):.3f}  "
            f"lr {storage.history('lr').latest():.2e}  "
            f"{speed:.1f} images/s  "
            f"eta {datetime.timedelta(seconds=round(max(seconds, 0)))}"
        )
