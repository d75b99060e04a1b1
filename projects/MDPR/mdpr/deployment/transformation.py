"""The parts of a network in eval mode, each replaced by its shorter equal."""

from itertools import pairwise
from typing import Any

import torch
from fastreid.layers import IBN
from fastreid.modeling.backbones.resnet import BasicBlock, Bottleneck
from torch import nn

from mdpr.deployment.folding import affine_of, composed, scaled, summed
from mdpr.deployment.layers import DeployedHead, HalfInstanceNorm
from mdpr.modeling.attention import AttentionLogits
from mdpr.modeling.fusion import FusionBlock
from mdpr.modeling.layers import EmbeddingBlock
from mdpr.modeling.nested import NestedProjection

_BLOCK_PAIRS = (("conv1", "bn1"), ("conv2", "bn2"), ("conv3", "bn3"))


def shorten(module: nn.Module) -> None:
    """Fold the norms within ``module`` into the convolutions before them, and merge convolutions.

    The module computes the same as before in eval mode, up to rounding. What cannot be folded stays.

    Args:
        module: changed in place; it can no longer be trained.
    """
    for part in list(module.modules()):
        if isinstance(part, (BasicBlock, Bottleneck)):
            _fold_pairs(part, _BLOCK_PAIRS)
        elif type(part) is nn.Sequential:  # the stem, and shortcuts that change the size
            _fold_pairs(part, tuple(pairwise(name for name, _ in part.named_children())))
        for name, child in list(part.named_children()):
            shorter = _shorter(child)
            if shorter is not None:
                setattr(part, name, shorter)


def shorten_head(head: Any) -> nn.Module:
    """A head without its classifier, its norm a multiplication and an addition.

    Returns:
        (B, C, h, w) to (B, C).
    """
    (neck,) = head.bottleneck
    affine = affine_of(neck)
    return head if affine is None else DeployedHead(head.pool_layer, *affine)


def shorten_nested(nested: NestedProjection | None) -> nn.Module | None:
    """The short form of the test feature without its classifiers; None where it is not tested.

    Returns:
        (B, D) to (B, d).
    """
    if nested is None or not nested.tested:
        return None
    nested.classifiers = nn.ModuleDict()
    if (affine := affine_of(nested.norm)) is not None:
        scale, shift = affine
        layer, length = nested.projection, nested.tested
        weight = (layer.weight.detach().double() * scale[:, None])[:length].float()
        layer.weight, layer.bias = (
            nn.Parameter(x, requires_grad=False) for x in (weight, shift[:length].float())
        )
        layer.out_features, nested.norm = length, nn.Identity()
    return nested


def _fold_pairs(part: nn.Module, pairs: tuple[tuple[str, str], ...]) -> None:
    for convolution_name, norm_name in pairs:
        convolution, norm = (getattr(part, name, None) for name in (convolution_name, norm_name))
        if isinstance(convolution, nn.Conv2d) and norm is not None:
            folded, rest = _folded(convolution, norm)
            setattr(part, convolution_name, folded)
            setattr(part, norm_name, rest)


def _folded(convolution: nn.Conv2d, norm: nn.Module) -> tuple[nn.Module, nn.Module]:
    """A convolution that does all of the norm's work that it can, and what does the rest."""
    if isinstance(norm, IBN):
        affine = affine_of(norm.BN)
        if affine is None:
            return convolution, norm
        untouched = torch.ones(norm.half).to(affine[0])
        scale, shift = (
            torch.cat(parts) for parts in ((untouched, affine[0]), (torch.zeros_like(untouched), affine[1]))
        )
        return scaled(convolution, scale, shift), HalfInstanceNorm(norm)
    affine = affine_of(norm)
    return (convolution, norm) if affine is None else (scaled(convolution, *affine), nn.Identity())


def _shorter(block: Any) -> nn.Sequential | None:
    """One convolution, what cannot be folded into it, and ReLU, for the blocks that end so."""
    kind, convolution = type(block), None
    if kind is EmbeddingBlock:
        convolution = block.projection
    elif kind is FusionBlock:
        convolution = composed(block.pointwise, block.spatial)
    elif kind is AttentionLogits:
        convolution = summed(block.pointwise, block.spatial)
    if convolution is None:
        return None
    parts = _folded(convolution, block.norm)
    kept = [part for part in parts if not isinstance(part, nn.Identity)]
    return nn.Sequential(*kept, nn.ReLU(inplace=True))
