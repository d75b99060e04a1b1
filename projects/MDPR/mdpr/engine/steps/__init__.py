"""One step of the optimizer: forward and backward passes, what is logged, and what may go wrong."""

from mdpr.engine.steps.nonfinite import NonFiniteGuard
from mdpr.engine.steps.training_step import TrainingStep

__all__ = ["NonFiniteGuard", "TrainingStep"]
