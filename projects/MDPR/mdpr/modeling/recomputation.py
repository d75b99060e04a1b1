"""Activations of a stage computed again in the backward pass instead of kept (activation checkpointing)."""

import math
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

__all__ = ["recomputed", "run", "run_recomputed"]


def run(stage: nn.Module, x: Tensor) -> Tensor:
    """``stage(x)``, the alternative to `run_recomputed`."""
    return stage(x)


def run_recomputed(stage: nn.Module, x: Tensor) -> Tensor:
    """``stage(x)`` that keeps the input of every few blocks only.

    Of n blocks, about sqrt(n) inputs are kept and sqrt(n) blocks computed again at a time, once each.
    Losses, gradients and the running statistics of batch norms are those of ``stage(x)``.

    Args:
        stage: blocks that depend on nothing but their input, without random numbers.
        x: input of the first block.

    Raises:
        TypeError: the stage is not an ``nn.Sequential`` of blocks.
    """
    if not torch.is_grad_enabled():
        return stage(x)
    if not isinstance(stage, nn.Sequential):
        raise TypeError(f"expected a stage that is a Sequential, got {type(stage).__name__}")
    step = math.ceil(math.sqrt(len(stage)))
    for start in range(0, len(stage), step):
        x = recomputed(stage[start : start + step], x)
    return x


def recomputed(blocks: nn.Module, x: Tensor) -> Tensor:
    """``blocks(x)`` that keeps ``x`` alone, and computes no more again than what was to be kept.

    Of a norm, a ReLU and a convolution, for instance, the first two: a convolution keeps its input.
    """
    return checkpoint(
        blocks,
        x,
        use_reentrant=False,
        preserve_rng_state=False,
        context_fn=lambda: (nullcontext(), _statistics_stand_still(blocks)),
    )


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
