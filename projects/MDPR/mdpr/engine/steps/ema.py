"""Exponential moving average of the weights."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from mdpr.engine.data_parallel import unwrapped

Tensors = tuple[Tensor, ...] | list[Tensor]


class AveragedWeights:
    """The average of a model's weights and of its norms' statistics over the steps taken.

    Step n keeps ``min(decay, (1 + n) / (10 + n))`` of the average before it, so that the random weights
    of the start are soon forgotten; counters, which have no average, are copied.

    Args:
        model: a copy of it is kept on its device.
        decay: in 0..1, 1 excluded.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._decay = self._kept = decay
        self._averaged = AveragedModel(
            unwrapped(model), multi_avg_fn=self._mix, use_buffers=True
        ).requires_grad_(False)

    @property
    def steps(self) -> int:
        """Steps averaged over so far."""
        return int(self._averaged.n_averaged)

    @property
    def model(self) -> nn.Module:
        """The model with the averaged weights; meaningless before the first step."""
        return self._averaged.module

    def update(self, model: nn.Module) -> None:
        """Take in the weights after a step."""
        # Known here, so that nothing has to be read back from the device.
        self._kept = min(self._decay, (1 + self.steps) / (10 + self.steps))
        self._averaged.update_parameters(unwrapped(model))

    def _mix(self, averaged: Tensors, current: Tensors, _: Any) -> None:
        if averaged[0].is_floating_point():
            torch._foreach_lerp_(averaged, current, 1 - self._kept)
        else:
            torch._foreach_copy_(averaged, current)

    def state_dict(self) -> dict[str, Any]:
        """Weights under ``model``, and the number of steps."""
        return {"model": self.model.state_dict(), "steps": self.steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from `state_dict`."""
        self.model.load_state_dict(state["model"])
        self._averaged.n_averaged.fill_(state["steps"])
