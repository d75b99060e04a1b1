"""Gradients of all parameters clipped at once.

fast-reid's clips parameter by parameter, with half a dozen launches on a GPU for each of hundreds.
"""

from collections.abc import Callable
from typing import Any

import torch
from fastreid.config import CfgNode


def with_clipped_gradients(
    cfg: CfgNode, optimizer_class: type[torch.optim.Optimizer]
) -> type[torch.optim.Optimizer]:
    """Replacement for fast-reid's ``maybe_add_gradient_clipping``, with its numbers.

    Returns:
        A subclass that clips each parameter's gradient before a step, to a length or value by value as
        ``SOLVER.CLIP_GRADIENTS`` asks; the class itself where that is off.
    """
    clipping = cfg.SOLVER.CLIP_GRADIENTS
    if not clipping.ENABLED:
        return optimizer_class
    by_value, most, power = clipping.CLIP_TYPE == "value", clipping.CLIP_VALUE, clipping.NORM_TYPE

    @torch.no_grad()
    def step(self: torch.optim.Optimizer, closure: Callable[[], float] | None = None) -> Any:
        parameters = [p for group in self.param_groups for p in group["params"] if p.grad is not None]
        if parameters and by_value:
            torch.nn.utils.clip_grad_value_(parameters, most)
        elif parameters:
            gradients = [p.grad for p in parameters]
            lengths = torch.stack(torch._foreach_norm(gradients, power))
            factors = (most / (lengths + 1e-6)).clamp(max=1)  # PyTorch's own guard against a length of 0
            torch._foreach_mul_(gradients, factors.unbind())
        return optimizer_class.step(self, closure)

    return type(f"{optimizer_class.__name__}WithGradientClip", (optimizer_class,), {"step": step})
