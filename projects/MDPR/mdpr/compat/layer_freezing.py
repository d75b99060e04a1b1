"""Frozen layers that are not frozen again by a restart.

fast-reid's optimizer counts the steps for which it leaves ``MODEL.FREEZE_LAYERS`` alone in a variable
that no checkpoint holds: a resumed run freezes them for ``SOLVER.FREEZE_ITERS`` steps once more. Here
the count is kept in the parameter groups, which are part of the optimizer's state.
"""

from collections.abc import Callable
from typing import Any

import torch
from fastreid.config import CfgNode

COUNT = "frozen_steps_done"


def with_frozen_layers(
    cfg: CfgNode, optimizer_class: type[torch.optim.Optimizer]
) -> type[torch.optim.Optimizer]:
    """Replacement for fast-reid's ``maybe_add_freeze_layer``.

    Returns:
        A subclass that leaves groups with ``freeze_status`` "freeze" as they are for the first steps;
        the class itself where nothing is to be frozen.
    """
    steps = cfg.SOLVER.FREEZE_ITERS
    if not cfg.MODEL.FREEZE_LAYERS or steps <= 0:
        return optimizer_class

    @torch.no_grad()
    def step(self: torch.optim.Optimizer, closure: Callable[[], float] | None = None) -> Any:
        counter = self.param_groups[0]
        done = counter.get(COUNT, 0)
        if done >= steps:
            return optimizer_class.step(self, closure)
        counter[COUNT] = done + 1
        frozen = [
            (parameter, parameter.grad)
            for group in self.param_groups
            if group["freeze_status"] == "freeze"
            for parameter in group["params"]
        ]
        for parameter, _ in frozen:
            parameter.grad = None
        result = optimizer_class.step(self, closure)
        for parameter, gradient in frozen:
            parameter.grad = gradient
        return result

    return type(f"{optimizer_class.__name__}WithFreezeLayer", (optimizer_class,), {"step": step})
