"""Stop where training no longer helps."""

from fastreid.config import CfgNode
from fastreid.engine.hooks import HookBase

from mdpr.engine.evaluations import Evaluations


class EarlyStopping(HookBase):
    """Ends the run after ``PATIENCE`` evaluations in a row without a better metric.

    It goes by `Evaluations` alone, which are the same in every process and part of every checkpoint; so
    all processes decide alike, and a resumed run decides as the first one would have.

    Args:
        evaluations: of this run.
        options: ``SOLVER.EARLY_STOPPING``.
    """

    def __init__(self, evaluations: Evaluations, options: CfgNode) -> None:
        self._evaluations = evaluations
        self._patience = options.PATIENCE
        self._metric = options.METRIC
        self._min_delta = options.MIN_DELTA

    @property
    def reason(self) -> str | None:
        """Why training is over; None while it is not."""
        waited = self._evaluations.since_best(self._metric, self._min_delta)
        best = self._evaluations.best(self._metric, self._min_delta)
        if not self._patience or best is None or waited < self._patience:
            return None
        return (
            f"Stopping early: {self._metric} has not got better in {waited} evaluations (best "
            f"{best.metrics[self._metric]:.2f} % after epoch {best.epoch}; "
            f"SOLVER.EARLY_STOPPING.PATIENCE {self._patience})"
        )

    def after_epoch(self) -> None:
        """Make this epoch the last one, behind its evaluation and before its checkpoint."""
        reason = self.reason
        if reason is not None:
            self.trainer.end_after_this_epoch(reason)
