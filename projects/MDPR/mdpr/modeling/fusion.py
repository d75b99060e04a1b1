"""Fusion of the maps of both branches (paper, section 3.4)."""

from collections import OrderedDict

import torch
from fastreid.layers import get_norm
from torch import Tensor, nn

from mdpr.modeling.layers import initialize
from mdpr.modeling.structures import HardFeatures, SoftFeatures


class FusionBlock(nn.Sequential):
    """1x1 convolution, 3x3 convolution, norm, ReLU, all over (B, channels, h, w)."""

    def __init__(self, channels: int, norm: str) -> None:
        super().__init__(
            OrderedDict(
                pointwise=nn.Conv2d(channels, channels, 1, bias=False),
                spatial=nn.Conv2d(channels, channels, 3, padding=1, bias=False),
                norm=get_norm(norm, channels),
                activation=nn.ReLU(inplace=True),
            )
        )


class FeatureFusion(nn.Module):
    """Parts with the global map, stage 4 with stage 3, then both branches together.

    Args:
        embedding_dim: E.
        norm: a norm of fast-reid's ``get_norm``.
        soft_stages: how many stages the soft branch has; with one the fused map has 3E channels.
    """

    def __init__(self, embedding_dim: int, norm: str, soft_stages: int = 2) -> None:
        super().__init__()
        self.parts = FusionBlock(embedding_dim, norm)
        self.hard = FusionBlock(2 * embedding_dim, norm)
        self.soft = FusionBlock(soft_stages * embedding_dim, norm)
        self.output = FusionBlock((2 + soft_stages) * embedding_dim, norm)
        initialize(self)

    def forward(self, hard: HardFeatures, soft: SoftFeatures) -> Tensor:
        """Fused map f: (B, 4E, h, w). All maps must have one size, as with last stride 1."""
        parts = self.parts(torch.cat(hard.part_maps, dim=2))
        fused_hard = self.hard(torch.cat([parts, hard.global_map], dim=1))
        fused_soft = self.soft(torch.cat(list(soft.maps.values()), dim=1))
        return self.output(torch.cat([fused_hard, fused_soft], dim=1))
