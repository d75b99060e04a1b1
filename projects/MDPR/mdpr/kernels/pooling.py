"""Generalized-mean pooling as one differentiable step.

fast-reid's is a chain of powers, of which autograd keeps every intermediate map and whose gradient it
makes from a dozen passes over the map; on a CPU that is a tenth of a small network's training step.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from mdpr.modeling.pooling import GeneralizedMeanPooling


class OneStepPooling(GeneralizedMeanPooling):
    """`GeneralizedMeanPooling` that keeps its input alone for the backward pass, in the input's own type."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) in any floating-point type to (B, C, 1, 1) in float32, or float64 where x is."""
        if torch.is_grad_enabled():
            return _GeneralizedMean.apply(x, self.p, self.eps)
        return _powers(x, self.p, self.eps)[2].mean((2, 3), keepdim=True).pow(1 / self.p)


class _GeneralizedMean(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, exponent: Tensor, eps: float) -> Tensor:
        mean = _powers(x, exponent, eps)[2].mean((2, 3), keepdim=True)
        result = mean.pow(1 / exponent)
        ctx.save_for_backward(x, exponent, mean, result)
        ctx.eps = eps
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        x, exponent, mean, result = ctx.saved_tensors
        values, logs, powers = _powers(x, exponent, ctx.eps)
        of_powers = gradient * result / (exponent * mean * (x.shape[2] * x.shape[3]))
        of_root = -gradient * result * mean.log() / exponent**2
        of_exponent = (
            of_root.sum() + (of_powers * logs.mul_(powers).sum((2, 3), keepdim=True)).sum()
        )
        # Clamped values have no gradient: whatever is divided by infinity is 0.
        values = F.threshold(values, ctx.eps, torch.inf, inplace=True)
        of_x = powers.mul_(exponent * of_powers).div_(values)
        return of_x.to(x.dtype), of_exponent.view_as(exponent), None


def _powers(x: Tensor, exponent: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """``v = max(x, eps)``, its logarithm, and ``v ** exponent``, in float32 at least."""
    values = x.to(torch.promote_types(x.dtype, torch.float32)).clamp(min=eps)
    logs = values.log()
    return values, logs, (logs * exponent).exp_()
