"""How a run trains, read from ``SOLVER`` and checked before any data is."""

import math
from dataclasses import dataclass
from typing import Any

from fastreid.config import CfgNode

from mdpr.engine.results import SCORE_NAMES
from mdpr.engine.steps.mixed_precision import DTYPES
from mdpr.errors import ConfigError

__all__ = ["TrainingSettings"]

CLIP_TYPES = ("norm", "value")


@dataclass(frozen=True)
class TrainingSettings:
    """What this project adds to ``SOLVER``; see `mdpr.config.add_mdpr_config` for each key.

    Attributes:
        accumulate: batches per step of the optimizer.
        log_period: steps between two readings of the losses.
        skip_nonfinite: steps that may be left out for a loss or gradients that are not finite.
        ema_decay: decay of the averaged weights; None where they are off.
        patience: evaluations without improvement before training stops; 0 never stops it.
        metric: the metric that has to improve.
        min_delta: least improvement, in percentage points.
    """

    accumulate: int
    log_period: int
    skip_nonfinite: int
    ema_decay: float | None
    patience: int
    metric: str
    min_delta: float

    @classmethod
    def from_config(cls, cfg: CfgNode) -> "TrainingSettings":
        """Read and check ``SOLVER``.

        Raises:
            ConfigError: a value that cannot be used; the message names the key, the value and what is
                allowed.
        """
        solver, stopping = cfg.SOLVER, cfg.SOLVER.EARLY_STOPPING
        _check_choice("SOLVER.AMP.DTYPE", solver.AMP.DTYPE, tuple(DTYPES))
        for key in ("ACCUMULATE", "LOG_PERIOD"):
            _check(f"SOLVER.{key}", solver[key], solver[key] >= 1, "a whole number of 1 or more")
        key, value = "SOLVER.SKIP_NONFINITE", solver.SKIP_NONFINITE
        _check(key, value, value >= 0, "a whole number of 0 or more (0 stops at the first)")
        key, value = "SOLVER.EMA.DECAY", solver.EMA.DECAY
        _check(key, value, 0 <= value < 1, "a number >= 0 and below 1")
        key, value = "SOLVER.EARLY_STOPPING.PATIENCE", stopping.PATIENCE
        _check(key, value, value >= 0, "a whole number of 0 or more (0 never stops)")
        _check_choice("SOLVER.EARLY_STOPPING.METRIC", stopping.METRIC, SCORE_NAMES)
        key, value = "SOLVER.EARLY_STOPPING.MIN_DELTA", stopping.MIN_DELTA
        _check(key, value, math.isfinite(value) and value >= 0, "percentage points >= 0")
        _check_clipping(solver.CLIP_GRADIENTS)
        return cls(
            accumulate=solver.ACCUMULATE,
            log_period=solver.LOG_PERIOD,
            skip_nonfinite=solver.SKIP_NONFINITE,
            ema_decay=solver.EMA.DECAY if solver.EMA.ENABLED else None,
            patience=stopping.PATIENCE,
            metric=stopping.METRIC,
            min_delta=stopping.MIN_DELTA,
        )


def _check_clipping(node: CfgNode) -> None:
    _check_choice("SOLVER.CLIP_GRADIENTS.CLIP_TYPE", node.CLIP_TYPE, CLIP_TYPES)
    for key in ("CLIP_VALUE", "NORM_TYPE"):
        _check(f"SOLVER.CLIP_GRADIENTS.{key}", node[key], node[key] > 0, "a number above 0")


def _check_choice(key: str, value: str, allowed: tuple[str, ...]) -> None:
    _check(key, value, value in allowed, f"one of {', '.join(allowed)}")


def _check(key: str, value: Any, is_allowed: bool, allowed: str) -> None:
    if not is_allowed:
        raise ConfigError(f"{key} is {value!r}: expected {allowed}")
