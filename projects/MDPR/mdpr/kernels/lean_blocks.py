"""Residual blocks that keep less for the backward pass.

Between two convolutions, a block keeps the first one's result for the norm and the norm's for the second
convolution, though the latter is cheap to make from the former: here it is made again.
"""

import torch
from fastreid.modeling.backbones.resnet import BasicBlock, Bottleneck
from torch import Tensor, nn

from mdpr.kernels.recomputation import recomputed


class LeanBottleneck(Bottleneck):
    """fast-reid's ``Bottleneck``."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H', W')."""
        out = _convolve_normed(self.bn1, self.relu, self.conv2, self.conv1(x))
        out = self.se(self.bn3(_convolve_normed(self.bn2, self.relu, self.conv3, out)))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class LeanBasicBlock(BasicBlock):
    """fast-reid's ``BasicBlock``."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H', W')."""
        out = self.se(self.bn2(_convolve_normed(self.bn1, self.relu, self.conv2, self.conv1(x))))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class LeanStem(nn.Sequential):
    """A ResNet's modules from ``conv1`` to ``layer2``, by these names."""

    conv1: nn.Module
    bn1: nn.Module
    relu: nn.Module
    maxpool: nn.Module
    layer1: nn.Module
    layer2: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) to X2 (B, C2, H/8, W/8)."""
        x = _convolve_normed(self.bn1, self.relu, self.maxpool, self.conv1(x))
        return self.layer2(self.layer1(x))


def _convolve_normed(norm: nn.Module, relu: nn.Module, last: nn.Module, x: Tensor) -> Tensor:
    """``last(relu(norm(x)))`` that keeps ``x`` alone, on CPUs.

    Elsewhere launching work twice costs more than these maps are worth.
    """
    if x.device.type != "cpu" or not (norm.training and torch.is_grad_enabled()):
        return last(relu(norm(x)))
    return recomputed(lambda y: last(relu(norm(y))), x, norms=(norm,))
