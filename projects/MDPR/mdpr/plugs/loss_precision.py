"""Losses and cosine classifiers in float32, also under mixed precision.

fast-reid computes them under autocast, which rounds every matrix product to half precision. Distances
are squared norms minus such a product: close pairs get distances of noise, and long features overflow
to NaN in float16. Cosines lose all but two or three digits before they are scaled by 64 or more, and
so do the powers of generalized-mean pooling.
"""

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import fastreid.modeling.losses
import fastreid.modeling.meta_arch.baseline
import fastreid.modeling.meta_arch.mgn
import torch
from fastreid.modeling.heads import EmbeddingHead
from fastreid.modeling.heads.clas_head import ClasHead
from torch import Tensor

from mdpr.modeling.precision import at_least_float32

Function = Callable[..., Any]

# The package binds the function of this name over its module, so it is reached by its full name.
_TRIPLET = "fastreid.modeling.losses.triplet_loss"
DISTANCES = ("euclidean_dist", "cosine_dist")
LOSSES = ("cross_entropy_loss", "pairwise_circleloss", "pairwise_cosface")


def in_float32(function: Function) -> Function:
    """Wrap a function of tensors, given by position, so that it leaves autocast and sees float32."""

    @wraps(function)
    def exact(*arguments: Any, **keywords: Any) -> Any:
        device = next(value.device for value in arguments if isinstance(value, Tensor))
        given = [at_least_float32(value) if isinstance(value, Tensor) else value for value in arguments]
        with torch.autocast(device_type=device.type, enabled=False):
            return function(*given, **keywords)

    return exact


def _mend(owner: Any, name: str) -> None:
    function = getattr(owner, name)
    if not hasattr(function, "__wrapped__"):
        setattr(owner, name, in_float32(function))


def apply() -> None:
    """Make fast-reid's losses and heads compute in float32, wherever their names are bound."""
    for name in DISTANCES:
        _mend(sys.modules[_TRIPLET], name)
    for name in LOSSES:
        _mend(fastreid.modeling.losses, name)
        for module in (fastreid.modeling.meta_arch.baseline, fastreid.modeling.meta_arch.mgn):
            setattr(module, name, getattr(fastreid.modeling.losses, name))
    for head in (EmbeddingHead, ClasHead):
        _mend(head, "forward")
