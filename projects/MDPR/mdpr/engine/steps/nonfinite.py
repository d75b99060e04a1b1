"""Losses and gradients that are not finite: saved, explained, counted."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastreid.utils import comm
from torch import nn

from mdpr.engine.steps.attempt import Attempt
from mdpr.engine.steps.report import blamed_part, report_text, save_step
from mdpr.errors import NonFiniteError

logger = logging.getLogger(__name__)


class NonFiniteGuard:
    """Saves and explains steps that are not finite, and stops the run where they are too many.

    Args:
        output_dir: where ``nonfinite.pth`` is written; empty writes none.
        config: the run's config as YAML, to build the model again from.
        max_skipped: steps that may be left out before the run is stopped.

    Attributes:
        skipped: steps left out so far.
    """

    def __init__(self, output_dir: str | Path = "", config: str = "", *, max_skipped: int = 0) -> None:
        self._output_dir = str(output_dir)
        self._config = config
        self._max_skipped = max_skipped
        self.skipped = 0

    def leave_out(self, attempt: Attempt, losses_finite: bool, model: nn.Module) -> None:
        """Save and report a step that was not taken; every process calls this.

        Args:
            attempt: the step, as this process saw it.
            losses_finite: whether the losses are finite in all processes.
            model: with weights and buffers from before the step.

        Raises:
            NonFiniteError: no further step may be left out.
        """
        blamed, reason = blamed_part(attempt, losses_finite), "gradients" if losses_finite else "loss"
        # Nobody goes on before the files are there: a process that ends takes the others with it.
        saved = self._save(blamed, reason, model)
        messages = comm.all_gather(f"{report_text(blamed, reason)}{saved}" if blamed.batches else "")
        message = "\n".join(filter(None, messages))
        if self.skipped >= self._max_skipped:
            raise NonFiniteError(message + self._advice())
        self.skipped += 1
        logger.warning(
            "%s\nThis step is left out: %d of up to %d (SOLVER.SKIP_NONFINITE)",
            message,
            self.skipped,
            self._max_skipped,
        )

    def _save(self, blamed: Attempt, reason: str, model: nn.Module) -> str:
        first = comm.all_gather(bool(blamed.batches)).index(True)
        if not (blamed.batches and self._output_dir):
            return ""
        rank = comm.get_rank()
        # The usual name for the first process that has something to show.
        name = "nonfinite.pth" if rank == first else f"nonfinite_rank{rank}.pth"
        path = Path(self._output_dir) / name
        try:
            save_step(path, blamed, reason, model, self._config)
        except OSError as error:  # what is wrong with the loss is worth more than this
            return f"\n  could not be saved in {path}: {error}"
        return f"\n  saved; to replay it: python scripts/replay_step.py {path}"

    def _advice(self) -> str:
        if not self._max_skipped:
            return "\nSOLVER.SKIP_NONFINITE N would leave out up to N such steps."
        return f"\n{self.skipped} steps were left out before (SOLVER.SKIP_NONFINITE)."

    def state_dict(self) -> dict[str, Any]:
        """How many steps were left out."""
        return {"skipped": self.skipped}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on counting."""
        self.skipped = state["skipped"]
