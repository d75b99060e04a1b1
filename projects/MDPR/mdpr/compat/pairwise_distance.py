"""Distances of the triplet loss in float32, also under mixed precision.

fast-reid computes squared norms minus a matrix product under autocast, where the product is rounded to
half precision: close pairs get distances of noise, and long features overflow to NaN in float16.
"""

import sys
from collections.abc import Callable
from functools import wraps

import fastreid.modeling.losses  # noqa: F401 -- loads the module that is changed
import torch
from torch import Tensor

from mdpr.modeling.precision import at_least_float32

PairwiseDistance = Callable[[Tensor, Tensor], Tensor]

# The package binds the function of this name over its module, so it is reached by its full name.
_MODULE = "fastreid.modeling.losses.triplet_loss"


def in_float32(distance: PairwiseDistance) -> PairwiseDistance:
    """Wrap ``distance`` so that it leaves autocast and sees float32."""

    @wraps(distance)
    def exact(x: Tensor, y: Tensor) -> Tensor:
        with torch.autocast(device_type=x.device.type, enabled=False):
            return distance(at_least_float32(x), at_least_float32(y))

    return exact


def apply() -> None:
    """Make fast-reid's triplet loss measure distances in float32."""
    module = sys.modules[_MODULE]
    for name in ("euclidean_dist", "cosine_dist"):
        distance = getattr(module, name)
        if not hasattr(distance, "__wrapped__"):
            setattr(module, name, in_float32(distance))
