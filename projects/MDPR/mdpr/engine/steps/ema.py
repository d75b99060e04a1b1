"""Exponential moving average of the weights."""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mdpr.engine.data_parallel import unwrapped


class AveragedWeights:
    """The average of a model's weights and of its norms' statistics over the steps taken.

    Step n keeps ``min(decay, (1 + n) / (10 + n))`` of the average before it, so that the random weights
    of the start are soon forgotten; counters, which have no average, are copied.

    Args:
        model: a copy of it is kept on its device.
        decay: in 0..1, 1 excluded.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._decay = decay
        self.steps = 0  # averaged over so far
        self.model = copy.deepcopy(unwrapped(model)).requires_grad_(False)
        """The model with the averaged weights; meaningless before the first step."""

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Take in the weights after a step."""
        kept = min(self._decay, (1 + self.steps) / (10 + self.steps))
        for averaged, current in _by_type(self.model, unwrapped(model)):
            if self.steps and averaged[0].is_floating_point():
                torch._foreach_lerp_(averaged, current, 1 - kept)
            else:
                torch._foreach_copy_(averaged, current)
        self.steps += 1

    def state_dict(self) -> dict[str, Any]:
        """Weights under ``model``, and the number of steps."""
        return {"model": self.model.state_dict(), "steps": self.steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from `state_dict`."""
        self.model.load_state_dict(state["model"])
        self.steps = int(state["steps"])


def _by_type(*models: nn.Module) -> Iterator[tuple[list[Tensor], ...]]:
    """Weights and buffers of equal models, for one launch a type of number."""
    all_tensors = [[*model.parameters(), *model.buffers()] for model in models]
    for dtype in dict.fromkeys(tensor.dtype for tensor in all_tensors[0]):
        yield tuple([tensor for tensor in tensors if tensor.dtype == dtype] for tensors in all_tensors)
