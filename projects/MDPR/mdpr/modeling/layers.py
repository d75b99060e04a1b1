"""The block that makes an embedding map, used by every branch."""

from collections import OrderedDict

from fastreid.layers import get_norm
from fastreid.layers.weight_init import weights_init_kaiming
from torch import nn


class EmbeddingBlock(nn.Sequential):
    """1x1 convolution without bias, norm, ReLU: (B, in, h, w) to (B, out, h, w), values >= 0.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the result.
        norm: a norm of fast-reid's ``get_norm``, such as "BN" or "syncBN".
    """

    def __init__(self, in_channels: int, out_channels: int, norm: str) -> None:
        super().__init__(
            OrderedDict(
                projection=nn.Conv2d(in_channels, out_channels, 1, bias=False),
                norm=get_norm(norm, out_channels),
                activation=nn.ReLU(inplace=True),
            )
        )


def feature_norm(norm: str, channels: int) -> nn.Module:
    """The norm over (B, channels) vectors that goes with a feature-map norm.

    Args:
        norm: "syncBN" gives a batch norm synchronised over processes, any other a plain one.
        channels: length of the vectors.
    """
    return get_norm(norm, channels) if norm == "syncBN" else nn.BatchNorm1d(channels)


def initialize(module: nn.Module) -> None:
    """Kaiming-initialise the convolutions within ``module``; norms start as the identity anyway."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            weights_init_kaiming(part)
