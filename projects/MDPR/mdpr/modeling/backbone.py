"""A fast-reid ResNet as shared stem and copies of its last two stages (paper, section 3.1)."""

import copy
from collections import OrderedDict

from torch import nn


def shared_stem(resnet: nn.Module) -> nn.Sequential:
    """Stem, stage 1 and stage 2: (B, 3, H, W) to X2 (B, C2, H/8, W/8)."""
    names = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2")
    return nn.Sequential(OrderedDict((name, resnet.get_submodule(name)) for name in names))


def copy_stages(resnet: nn.Module) -> tuple[nn.Module, nn.Module]:
    """Stages 3 and 4 for one branch: a copy with its own weights, which start as the network's."""
    layer3, layer4 = (copy.deepcopy(resnet.get_submodule(name)) for name in ("layer3", "layer4"))
    return layer3, layer4
