"""Layers that only a deployed network has."""

import torch
from fastreid.layers import IBN
from torch import Tensor, nn


class HalfInstanceNorm(nn.Module):
    """The instance norm of an IBN layer, whose batch norm was folded into the convolution before.

    Args:
        norm: the layer; its instance norm is taken over.
    """

    def __init__(self, norm: IBN) -> None:
        super().__init__()
        self.channels, self.eps = norm.half, norm.IN.eps
        self.weight, self.bias = norm.IN.weight, norm.IN.bias

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the first channels of each image of ``x`` (B, C, h, w) in place."""
        # By sums over pixels, as channels-last memory wants it: a group norm of one channel a group, which
        # is the same, takes ten times as long for 128 channels in bfloat16.
        half = x[:, : self.channels].permute(0, 2, 3, 1)
        pixels = half.flatten(1, 2).to(torch.promote_types(x.dtype, torch.float32))
        share = pixels.new_full((1, 1, pixels.shape[1]), 1 / pixels.shape[1])
        centred = pixels - share @ pixels
        scale = (share @ centred.square() + self.eps).rsqrt() * self.weight
        half.copy_(torch.addcmul(self.bias.to(pixels.dtype), centred, scale).view(half.shape))
        return x


class DeployedHead(nn.Module):
    """Pooling and BNNeck, which in eval mode is a multiplication and an addition.

    Args:
        pool: (B, C, h, w) of any floating-point type to (B, C, 1, 1).
        scale: (C,).
        shift: (C,).
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, pool: nn.Module, scale: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.pool = pool
        self.register_buffer("scale", scale.float())
        self.register_buffer("shift", shift.float())

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to (B, C), float32."""
        return torch.addcmul(self.shift, self.pool(x).flatten(1).float(), self.scale)
