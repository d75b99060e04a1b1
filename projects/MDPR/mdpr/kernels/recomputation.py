"""Activations of a stage computed again in the backward pass instead of kept (activation checkpointing)."""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext

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
            x = recomputed(part, x, norms=part)
        return x


def recomputed(
    function: Callable[[Tensor], Tensor], x: Tensor, *, norms: Iterable[nn.Module]
) -> Tensor:
    """``function(x)`` that keeps ``x`` alone, and computes no more again than what was to be kept.

    Of a norm, a ReLU and a convolution, for instance, the first two: a convolution keeps its input.

    Args:
        function: computed once now, and in part once more in the backward pass.
        x: its input.
        norms: modules of the function that hold running statistics, in themselves or within.
    """
    return checkpoint(
        function,
        x,
        use_reentrant=False,
        preserve_rng_state=False,
        context_fn=lambda: (nullcontext(), _statistics_stand_still(norms)),
    )


@contextmanager
def _statistics_stand_still(norms: Iterable[nn.Module]) -> Iterator[None]:
    """Norms count the batch in copies of their running statistics, which are then thrown away."""
    buffers = [
        (part, name, buffer)
        for norm in norms
        for part in norm.modules()
        for name, buffer in part.named_buffers(recurse=False)
    ]
    for part, name, buffer in buffers:
        setattr(part, name, buffer.clone())
    try:
        yield
    finally:
        for part, name, buffer in buffers:
            setattr(part, name, buffer)
