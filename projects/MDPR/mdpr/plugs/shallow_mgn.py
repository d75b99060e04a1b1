"""fast-reid's MGN on ResNet-18 and ResNet-34.

Its constructor writes the last stage of the part branches out as three bottlenecks of 2048 channels, which
are given the weights of the backbone's last stage: another depth than 50x and 101x cannot be built. With
stride 1 they are that stage, so that a copy of it does for every depth.
"""

import copy
from typing import Any

from fastreid.config import CfgNode
from fastreid.modeling.backbones import build_backbone
from fastreid.modeling.heads import build_heads
from fastreid.modeling.meta_arch.baseline import Baseline
from fastreid.modeling.meta_arch.mgn import MGN
from torch import nn

from mdpr.errors import wrong_value

HEADS = ("b1_head", "b2_head", "b21_head", "b22_head", "b3_head", "b31_head", "b32_head", "b33_head")
_FASTREIDS = MGN.from_config.__func__


def parts_of(cfg: CfgNode) -> dict[str, Any]:
    """Arguments of MGN's constructor, for a backbone of any depth.

    Raises:
        ConfigError: ``MODEL.BACKBONE.LAST_STRIDE`` is not 1, which the part branches have.
    """
    if cfg.MODEL.BACKBONE.LAST_STRIDE != 1:
        allowed = f"1 for MGN with MODEL.BACKBONE.DEPTH {cfg.MODEL.BACKBONE.DEPTH}"
        raise wrong_value("MODEL.BACKBONE.LAST_STRIDE", cfg.MODEL.BACKBONE.LAST_STRIDE, allowed)
    resnet: Any = build_backbone(cfg)
    stem = (resnet.conv1, resnet.bn1, resnet.relu, resnet.maxpool, resnet.layer1, resnet.layer2)
    branch = nn.Sequential(nn.Sequential(*resnet.layer3[1:]), resnet.layer4)
    common = ("pixel_mean", "pixel_std", "loss_kwargs")
    return {
        "backbone": nn.Sequential(*stem, resnet.layer3[0]),
        **{f"neck{number}": copy.deepcopy(branch) for number in (1, 2, 3)},
        **{name: build_heads(cfg) for name in HEADS},
        **{name: value for name, value in Baseline.from_config(cfg).items() if name in common},
    }


def from_config(cls: type[MGN], cfg: CfgNode) -> dict[str, Any]:
    """Replacement for ``MGN.from_config``: fast-reid's own where that works."""
    return parts_of(cfg) if cfg.MODEL.BACKBONE.DEPTH in ("18x", "34x") else _FASTREIDS(cls, cfg)


def apply() -> None:
    """Make ``MGN`` build on every depth."""
    MGN.from_config = classmethod(from_config)
