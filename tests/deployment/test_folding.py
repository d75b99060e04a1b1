"""Each rewriting of layers against the layers themselves, in float64."""

import copy

import pytest
import torch
from fastreid.layers import get_norm
from fastreid.modeling.backbones.resnet import BasicBlock, Bottleneck
from mdpr.deployment.folding import affine_of, composed, scaled, summed
from mdpr.deployment.transformation import shorten
from mdpr.modeling.attention import AttentionLogits
from mdpr.modeling.fusion import FusionBlock
from mdpr.modeling.layers import EmbeddingBlock
from torch import nn


def used(module):
    """In eval mode, with weights and statistics as after training."""
    module = module.double()
    for value in module.state_dict().values():
        if value.dtype.is_floating_point and value.dim() == 1:
            nn.init.uniform_(value, 0.5, 1.5)
    return module.eval()


def downsample(stride, norm="BN"):
    return nn.Sequential(nn.Conv2d(8, 16, 1, stride, bias=False), get_norm(norm, 16))


@pytest.mark.parametrize("kind", ["BN", "syncBN", "GhostBN", "FrozenBN"])
def test_affine_of_norms(kind):
    norm = used(get_norm(kind, 3))
    scale, shift = affine_of(norm)
    x = torch.randn(2, 3, 4, 4).double()
    torch.testing.assert_close(norm(x), x * scale[:, None, None] + shift[:, None, None])


def test_norms_of_the_image_have_none():
    assert affine_of(nn.InstanceNorm2d(4, affine=True)) is None
    assert affine_of(nn.GroupNorm(2, 4)) is None


@pytest.mark.parametrize("bias", [True, False])
def test_scaled(bias):
    convolution = nn.Conv2d(3, 5, 3, stride=2, padding=1, bias=bias).double()
    scale, shift, x = (
        torch.randn(5).double(),
        torch.randn(5).double(),
        torch.randn(2, 3, 9, 7).double(),
    )
    expected = convolution(x) * scale[:, None, None] + shift[:, None, None]
    torch.testing.assert_close(scaled(convolution, scale, shift)(x), expected)


@pytest.mark.parametrize("bias", [True, False])
def test_pointwise_and_spatial_are_one(bias):
    x = torch.randn(2, 3, 5, 4).double()
    first = nn.Conv2d(3, 6, 1, bias=False).double()
    second = nn.Conv2d(6, 5, 3, padding=1, bias=bias).double()
    torch.testing.assert_close(composed(first, second)(x), second(first(x)))
    beside = nn.Conv2d(3, 5, 1, bias=False).double()
    third = nn.Conv2d(3, 5, 3, padding=1, bias=bias).double()
    torch.testing.assert_close(summed(beside, third)(x), beside(x) + third(x))


BLOCKS = {
    "basic": lambda: BasicBlock(8, 8, "BN"),
    "basic, IBN, smaller": lambda: BasicBlock(8, 16, "BN", True, stride=2, downsample=downsample(2)),
    "bottleneck": lambda: Bottleneck(16, 4, "BN"),
    "bottleneck, IBN": lambda: Bottleneck(8, 4, "BN", True, downsample=downsample(1)),
    "bottleneck, squeeze and excitation": lambda: Bottleneck(16, 4, "BN", with_se=True, reduction=4),
    "fusion": lambda: FusionBlock(8, "BN"),
    "embedding": lambda: EmbeddingBlock(8, 4, "BN"),
    "attention": lambda: AttentionLogits(8, 3, "BN"),
    "a norm that cannot be folded": lambda: EmbeddingBlock(8, 64, "GN"),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_blocks_stay_what_they_are(name):
    network = used(nn.Sequential(BLOCKS[name]()))
    (first, *_) = (part for part in network.modules() if isinstance(part, nn.Conv2d))
    x = torch.randn(2, first.in_channels, 6, 5).double()
    shorter = copy.deepcopy(network)
    with torch.no_grad():
        expected = network(x)
        shorten(shorter)
        torch.testing.assert_close(shorter(x), expected)
        torch.testing.assert_close(network(x), expected)
    if "cannot" not in name:
        assert not any("BatchNorm" in type(part).__name__ for part in shorter.modules())
