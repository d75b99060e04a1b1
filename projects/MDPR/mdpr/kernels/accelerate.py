"""One function that makes a network compute the same numbers in less time.

The network is the paper's, as `mdpr.modeling` writes it; here its parts get other forward passes. Parameters,
their names and their order stay, so checkpoints and optimizers see no difference.
"""

from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor, nn

from mdpr.kernels.convolution import Convolution, ProductConvolution
from mdpr.kernels.recomputation import RecomputedStage
from mdpr.modeling.meta_arch import MDPR

KERNELS: dict[str, dict[type, type]] = {
    "convolutions": {nn.Conv2d: ProductConvolution},
    "winograd": {nn.Conv2d: Convolution, ProductConvolution: Convolution},
    "channels_last": {},
}
"""What there is, by name, and which class takes the place of which. "winograd" includes "convolutions";
"channels_last" is how images and weights lie, as fast kernels read them."""


def accelerate(network: MDPR, *, only: Collection[str] | None = None, recompute: bool = False) -> MDPR:
    """Make a network compute the same features, losses and gradients, up to rounding, in less time.

    Args:
        network: changed in place; what is accelerated already stays so.
        only: names out of `KERNELS`; None takes them all, an empty collection none.
        recompute: keep a few activations of stages 3 and 4 of each branch for the backward pass and compute
            the others again: less memory, more time, the same gradients.

    Returns:
        The network.

    Raises:
        ValueError: a name that is not in `KERNELS`.
    """
    names = KERNELS if only is None else only
    unknown = [name for name in names if name not in KERNELS]
    if unknown:
        raise ValueError(f"no kernel is called {unknown[0]!r}: there are {', '.join(KERNELS)}")
    # In the order of `KERNELS`, so that "winograd" is behind "convolutions".
    replacements: dict[type, type] = {}
    for name, classes in KERNELS.items():
        replacements |= classes if name in names else {}
    for part in network.modules():
        _compute_as(part, replacements.get(type(part)))
    if recompute:
        for branch in (network.hard_branch, network.soft_branch):
            for stage in ("layer3", "layer4"):
                if (layers := getattr(branch, stage, None)) is not None:
                    _compute_as(layers, RecomputedStage)
    if "channels_last" in names:
        network.to(memory_format=torch.channels_last)
        if _lay_channels_last not in network.backbone._forward_pre_hooks.values():
            network.backbone.register_forward_pre_hook(_lay_channels_last)
    return network


def _compute_as(part: nn.Module, accelerated: type | None) -> None:
    """Give a module another forward pass.

    The class alone is exchanged, for a subclass that adds no state: parameters, buffers, hooks and whatever
    points to the module stay, which no newly made module could promise.
    """
    if accelerated is not None:
        part.__class__ = accelerated


def _lay_channels_last(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Tensor, ...]:
    return tuple(x.contiguous(memory_format=torch.channels_last) for x in inputs)
