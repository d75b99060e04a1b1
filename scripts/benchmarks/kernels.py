"""What `mdpr.kernels` is to be, for a network that `build_model` still makes with all kernels in it."""

from collections.abc import Iterable
from typing import Final

import torch
from fastreid.layers.pooling import GeneralizedMeanPoolingP
from fastreid.modeling.backbones.resnet import BasicBlock, Bottleneck
from mdpr.modeling.attention import BilinearAttentionPooling
from mdpr.modeling.convolution import Convolution
from mdpr.modeling.lean_blocks import LeanBasicBlock, LeanBottleneck, LeanStem
from mdpr.modeling.meta_arch import MDPR
from mdpr.modeling.pooling import GeneralizedMeanPooling
from torch import Tensor, nn


class PlainAttentionPooling(BilinearAttentionPooling):
    """``v_m = GeM(embedding_m(x * A_m))``, map by map as the paper writes it."""

    def forward(self, x: Tensor, attention: Tensor) -> Tensor:
        """See `BilinearAttentionPooling`."""
        pooled = [
            self.pool(embedding(x * attention[:, m : m + 1])).flatten(1)
            for m, embedding in enumerate(self.embeddings)
        ]
        return torch.stack(pooled, dim=1)


# By kernel, the plain class in the place of its own. Winograd's algorithm is in `Convolution` too.
KERNELS: Final[dict[str, dict[type[nn.Module], type[nn.Module]]]] = {
    "convolutions": {Convolution: nn.Conv2d},
    "stacking": {BilinearAttentionPooling: PlainAttentionPooling},
    "pooling": {GeneralizedMeanPooling: GeneralizedMeanPoolingP},
    "lean_blocks": {
        LeanStem: nn.Sequential,
        LeanBottleneck: Bottleneck,
        LeanBasicBlock: BasicBlock,
    },
    "channels_last": {},
}


def accelerate(network: MDPR, *, only: Iterable[str] | None = None) -> MDPR:
    """Leave kernels in the network, in place.

    Args:
        network: as built.
        only: the names of those to leave in; by default all.
    """
    left_out = set() if only is None else set(KERNELS) - set(only)
    plain = {kind: other for name in left_out for kind, other in KERNELS[name].items()}
    for part in network.modules():
        if type(part) in plain:
            part.__class__ = plain[type(part)]
    if "channels_last" in left_out:
        network.memory_format = torch.contiguous_format
        network.to(memory_format=torch.contiguous_format)
    return network
