"""Activations of a stage computed again in the backward pass instead of kept (activation checkpointing)."""

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


class RecomputedStage(nn.Sequential):
    """Blocks that keep the input of every few of them only.

    Of n blocks, about sqrt(n) inputs are kept and sqrt(n) blocks computed again at a time, once each.
    Losses, gradients and the running statistics of batch norms are those of the blocks as they are. They must
    depend on nothing but their input, without random numbers.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Of the first block's input, the last one's result."""
        if not torch.is_grad_enabled():
            return super().forward(x)
        blocks = list(self)
        step = math.ceil(math.sqrt(len(blocks)))
        for start in range(0, len(blocks), step):
            part = nn.Sequential(*blocks[start : start + step])
            x = checkpoint(
                part,
                x,
                use_reentrant=False,
                preserve_rng_state=False,
                context_fn=partial(_forward_and_again, part),
            )
        return x


def _forward_and_again(part: nn.Module) -> tuple[AbstractContextManager, AbstractContextManager]:
    return nullcontext(), _statistics_stand_still(part)


@contextmanager
def _statistics_stand_still(module: nn.Module) -> Iterator[None]:
    """Norms count the batch in copies of their running statistics, which are then thrown away."""
    buffers = [
        (part, name, buffer)
        for part in module.modules()
        for name, buffer in part.named_buffers(recurse=False)
    ]
    for part, name, buffer in buffers:
        setattr(part, name, buffer.clone())
    try:
        yield
    finally:
        for part, name, buffer in buffers:
            setattr(part, name, buffer)
