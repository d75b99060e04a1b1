"""The straightforward form of the network, which the faster ones are measured against.

The same parameters and results in rows-first (NCHW) memory, by PyTorch's convolutions and fast-reid's
pooling, each attention map multiplying its own copy of the features.
"""

import torch
from fastreid.layers.pooling import GeneralizedMeanPoolingP
from fastreid.modeling.backbones.resnet import BasicBlock, Bottleneck
from torch import Tensor, nn

from mdpr.modeling.attention import BilinearAttentionPooling
from mdpr.modeling.convolution import Convolution
from mdpr.modeling.lean_blocks import LeanBasicBlock, LeanBottleneck, LeanStem
from mdpr.modeling.meta_arch import MDPR
from mdpr.modeling.pooling import GeneralizedMeanPooling

__all__ = ["make_plain"]

_PLAIN_CLASSES: dict[type[nn.Module], type[nn.Module]] = {
    LeanStem: nn.Sequential,
    LeanBottleneck: Bottleneck,
    LeanBasicBlock: BasicBlock,
    Convolution: nn.Conv2d,
    GeneralizedMeanPooling: GeneralizedMeanPoolingP,
}


class PlainAttentionPooling(BilinearAttentionPooling):
    """``v_m = GeM(embedding_m(x * A_m))``, map by map as the paper writes it."""

    def forward(self, x: Tensor, attention: Tensor) -> Tensor:
        """See `BilinearAttentionPooling`."""
        pooled = [
            self.pool(embedding(x * attention[:, m : m + 1])).flatten(1)
            for m, embedding in enumerate(self.embeddings)
        ]
        return torch.stack(pooled, dim=1)


def make_plain(model: MDPR) -> MDPR:
    """Make a network plain, in place.

    Args:
        model: any MDPR network.

    Returns:
        The same network.
    """
    for part in model.modules():
        if type(part) is BilinearAttentionPooling:
            part.__class__ = PlainAttentionPooling
        elif type(part) in _PLAIN_CLASSES:
            part.__class__ = _PLAIN_CLASSES[type(part)]
    model.memory_format = torch.contiguous_format
    return model.to(memory_format=torch.contiguous_format)
