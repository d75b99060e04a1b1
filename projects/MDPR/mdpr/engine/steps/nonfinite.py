"""Losses and gradients that are not finite: found before they reach the weights, saved, explained."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from fastreid.utils import comm
from torch import nn

from mdpr.engine.steps.attempt import Attempt
from mdpr.engine.steps.report import NonFiniteReport
from mdpr.errors import NonFiniteError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Finiteness:
    """Whether a step is fit to be taken, and a run to go on; the same in every process."""

    losses_finite: bool
    gradients_finite: bool
    signal: int = 0  # that came to a process and is to end the run


class NonFiniteGuard:
    """Judges every step before the optimizer takes it.

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

    def judge(self, attempt: Attempt, signal: int = 0) -> Finiteness:
        """Whether losses and gradients are finite in all processes, and whether a signal came to any.

        This reads one small tensor: the only wait for the device in a step. Without it a bad gradient
        would be in the weights before anybody knew, and its batch gone.
        """
        bad = torch.stack([~attempt.finite_losses().all(), ~attempt.gradient_norm.isfinite()]).float()
        verdict = torch.cat([bad, bad.new_full((1,), signal)])
        if comm.get_world_size() > 1:
            dist.all_reduce(verdict, dist.ReduceOp.MAX)
        bad_losses, bad_gradients, signal = map(int, verdict.tolist())
        return Finiteness(not bad_losses, not bad_gradients, signal)

    def leave_out(self, attempt: Attempt, finiteness: Finiteness, model: nn.Module, **facts: Any) -> None:
        """Save and report a step that must not be taken; every process calls this.

        Raises:
            NonFiniteError: no further step may be left out.
        """
        report = NonFiniteReport.of(attempt, finiteness.losses_finite)
        # Nobody goes on before the files are there: a process that ends takes the others with it.
        saved = self._save(report, model, facts)
        messages = comm.all_gather(f"{report.message(**facts)}{saved}" if report.batches else "")
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

    def _save(self, report: NonFiniteReport, model: nn.Module, facts: Mapping[str, Any]) -> str:
        first = comm.all_gather(bool(report.batches)).index(True)
        if not (report.batches and self._output_dir):
            return ""
        rank = comm.get_rank()
        # The usual name for the first process that has something to show.
        name = "nonfinite.pth" if rank == first else f"nonfinite_rank{rank}.pth"
        path = Path(self._output_dir) / name
        try:
            report.save(path, model, config=self._config, **facts)
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
