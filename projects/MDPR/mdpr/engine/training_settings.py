"""How a run trains, read from ``SOLVER`` and checked before any data is."""

import math
from dataclasses import dataclass

from fastreid.config import CfgNode

from mdpr.engine.results import SCORE_NAMES
from mdpr.engine.steps.mixed_precision import DTYPES
from mdpr.rules import Choice, Rule, Rules, check_rules, number, whole

_RULES: Rules = {
    "SOLVER.AMP.DTYPE": Choice(tuple(DTYPES)),
    "SOLVER.ACCUMULATE": whole(1),
    "SOLVER.LOG_PERIOD": whole(1),
    "SOLVER.SKIP_NONFINITE": whole(0, " (0 stops at the first)"),
    "SOLVER.EMA.DECAY": number(least=0, below=1),
    "SOLVER.EARLY_STOPPING.PATIENCE": whole(0, " (0 never stops)"),
    "SOLVER.EARLY_STOPPING.METRIC": Choice(SCORE_NAMES),
    "SOLVER.EARLY_STOPPING.MIN_DELTA": number(least=0, note=", in percentage points"),
    "SOLVER.CLIP_GRADIENTS.CLIP_TYPE": Choice(("norm", "value")),
    "SOLVER.CLIP_GRADIENTS.CLIP_VALUE": number(above=0),
    "SOLVER.CLIP_GRADIENTS.NORM_TYPE": Rule(
        "a number above 0 (inf is the largest value)",
        lambda value: isinstance(value, int | float) and 0 < value <= math.inf,
    ),
    "SOLVER.CHECKPOINT_PERIOD": whole(1),
    "SOLVER.CHECKPOINT_EVERY_ITERATIONS": whole(0),
    "SOLVER.CHECKPOINT_KEEP": whole(-1),
}


@dataclass(frozen=True)
class TrainingSettings:
    """What this project adds to ``SOLVER``; see `mdpr.config.add_mdpr_config` for each key."""

    accumulate: int  # batches per step of the optimizer
    log_period: int  # steps between two readings of the losses
    skip_nonfinite: int  # steps that may be left out for a loss or gradients that are not finite
    ema_decay: float | None  # decay of the averaged weights; None where they are off
    patience: int  # evaluations without improvement before training stops; 0 never stops it
    metric: str  # the metric that has to improve
    min_delta: float  # least improvement, in percentage points

    @classmethod
    def from_config(cls, cfg: CfgNode) -> "TrainingSettings":
        """Read and check ``SOLVER``.

        Raises:
            ConfigError: a value that cannot be used; the message names the key, the value and what is
                allowed.
        """
        check_training(cfg)
        solver, stopping = cfg.SOLVER, cfg.SOLVER.EARLY_STOPPING
        return cls(
            accumulate=solver.ACCUMULATE,
            log_period=solver.LOG_PERIOD,
            skip_nonfinite=solver.SKIP_NONFINITE,
            ema_decay=solver.EMA.DECAY if solver.EMA.ENABLED else None,
            patience=stopping.PATIENCE,
            metric=stopping.METRIC,
            min_delta=stopping.MIN_DELTA,
        )


def check_training(cfg: CfgNode) -> None:
    """Check what `TrainingSettings` is read from, and when checkpoints are written.

    Raises:
        ConfigError: a value that cannot be used.
    """
    check_rules(cfg, _RULES)
