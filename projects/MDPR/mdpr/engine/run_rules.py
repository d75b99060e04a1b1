"""What the keys of a run may hold: how it trains, when it evaluates and saves, and where."""

import inspect
import math
from pathlib import Path
from types import ModuleType

import torch
from torch.optim import Optimizer

from mdpr.engine.results import SCORE_NAMES
from mdpr.engine.steps.mixed_precision import DTYPES
from mdpr.rules import Choice, Rule, Rules, each, number, whole

# What needs more than gradients of dense weights of any shape.
_OTHER_OPTIMIZERS = {"Optimizer", "LBFGS", "SparseAdam", "Muon"}
# Each process adds its rank to it, and NumPy takes up to 2 ** 32 - 1.
_LARGEST_SEED = 4_000_000_000


def classes_in(module: ModuleType, base: type) -> list[str]:
    """Names of the classes in a module that are of some kind; others may have entered theirs."""
    return [
        name for name, value in vars(module).items() if inspect.isclass(value) and issubclass(value, base)
    ]


RUN_RULES: Rules = {
    "SOLVER.OPT": Choice(lambda: sorted({*classes_in(torch.optim, Optimizer)} - _OTHER_OPTIMIZERS)),
    "SOLVER.MAX_EPOCH": whole(1),
    "SOLVER.BASE_LR": number(above=0),
    "SOLVER.HEADS_LR_FACTOR": number(least=0),
    "SOLVER.BIAS_LR_FACTOR": number(least=0),
    "SOLVER.MOMENTUM": number(least=0, below=1),
    "SOLVER.WEIGHT_DECAY": number(least=0),
    "SOLVER.WEIGHT_DECAY_NORM": number(least=0),
    "SOLVER.WEIGHT_DECAY_BIAS": number(least=0),
    "SOLVER.SCHED": Choice(("MultiStepLR", "CosineAnnealingLR")),
    "SOLVER.DELAY_EPOCHS": whole(0),
    "SOLVER.GAMMA": number(above=0),
    "SOLVER.STEPS": each(whole(0), "a list of epochs, whole numbers of 0 or more"),
    "SOLVER.ETA_MIN_LR": number(least=0),
    "SOLVER.WARMUP_FACTOR": number(least=0),
    "SOLVER.WARMUP_ITERS": whole(0),
    "SOLVER.NEW_LAYERS_WARMUP_ITERS": whole(0, " (0: as all layers)"),
    "SOLVER.WARMUP_METHOD": Choice(("linear", "constant", "exp")),
    "SOLVER.FREEZE_ITERS": whole(0),
    "SOLVER.IMS_PER_BATCH": whole(1),
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
    "TEST.EVAL_PERIOD": whole(0, " (0: after the last epoch)"),
    "TEST.IMS_PER_BATCH": whole(1),
    "TEST.PRECISE_BN.NUM_ITER": whole(1),
    "SEED": whole(0, most=_LARGEST_SEED),
    "OUTPUT_DIR": Rule(
        "the name of a folder", lambda value: value not in ("", None) and not Path(value).is_file()
    ),
}
