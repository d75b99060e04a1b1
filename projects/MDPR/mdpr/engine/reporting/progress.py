"""What a user sees during training: a bar in a terminal, lines elsewhere."""

import datetime
import logging
import sys
import time
from contextlib import ExitStack

from fastreid.engine.hooks import HookBase
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from mdpr.engine.reporting.loss_groups import loss_groups
from mdpr.engine.reporting.memory import memory_now
from mdpr.engine.reporting.scalar_reader import ScalarReader

logger = logging.getLogger(__name__)

LOGGERS = ("fastreid", "mdpr")
SECONDS_BETWEEN_LINES = 20.0  # at least, where there is no terminal


class ProgressReporter(HookBase):
    """Losses by group, learning rate, speed, share of waiting, memory and time left of every epoch.

    In a terminal it is one bar an epoch, with log lines above it; when output is piped, a plain line
    at most every 20 seconds and one at the end of every epoch.

    Args:
        reader: of the losses; its hook comes before this one.
    """

    def __init__(self, reader: ScalarReader) -> None:
        self._reader = reader
        self._in_terminal = sys.stdout.isatty()
        self._bar: tqdm | None = None
        self._resources = ExitStack()

    def before_epoch(self) -> None:
        """Start a bar."""
        self._last_line = time.perf_counter()
        if self._in_terminal:
            self._resources.enter_context(
                logging_redirect_tqdm([logging.getLogger(name) for name in LOGGERS])
            )
            self._bar = tqdm(
                total=self.trainer.iters_per_epoch,
                # A resumed run may enter an epoch in its middle.
                initial=self.trainer.iter - self.trainer.epoch * self.trainer.iters_per_epoch,
                desc=f"epoch {self.trainer.epoch + 1}/{self.trainer.max_epoch}",
                # Its own speed and time left would be said twice.
                bar_format="{desc} {percentage:3.0f}%|{bar:10}| {n_fmt}/{total_fmt}{postfix}",
                dynamic_ncols=True,
                leave=False,
            )

    def after_step(self) -> None:
        """Move the bar, or log a line if the last one is long ago."""
        now = time.perf_counter()
        if self._bar is not None:
            self._bar.set_postfix_str(self._text(), refresh=False)
            self._bar.update()
        elif now - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = now
            self._log(self.trainer.iter + 1)

    def after_epoch(self) -> None:
        """End the bar and leave one line of the epoch in the log."""
        self._close_bar()
        self._log(self.trainer.iter)

    def after_train(self) -> None:
        """End the bar of an epoch that was broken off."""
        self._close_bar()

    def _close_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        self._resources.close()

    def _log(self, steps_done: int) -> None:
        trainer = self.trainer
        logger.info(
            "epoch %d/%d step %d/%d  %s",
            trainer.epoch + 1,
            trainer.max_epoch,
            steps_done - trainer.epoch * trainer.iters_per_epoch,
            trainer.iters_per_epoch,
            self._text(),
        )

    def _text(self) -> str:
        scalars = self._reader.shown()
        groups = "  ".join(f"{name} {value:.3g}" for name, value in loss_groups(scalars).items())
        recent = self.trainer.clock.recent
        seconds = self.trainer.clock.seconds_for(self.trainer.max_iter - self.trainer.storage.iter - 1)
        return "  ".join(
            [
                f"loss {scalars.get('total_loss', float('nan')):.3f}" + (f" ({groups})" if groups else ""),
                f"lr {self.trainer.storage.history('lr').latest():.2e}",
                f"{self.trainer.images_per_step / max(recent.total, 1e-9):.1f} images/s",
                f"data wait {100 * recent.waiting_share:.0f}%",
                f"memory {memory_now()}",
                f"eta {datetime.timedelta(seconds=round(seconds))}",
            ]
        )
