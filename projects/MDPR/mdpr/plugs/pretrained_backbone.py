"""Pretrained weights that are found and match, or an error.

fast-reid loads a pretrained ResNet with ``strict=False``: a file of which nothing matches leaves random
weights and one info line. Its default weights are fetched by ``gdown``, which fails in other ways.
"""

from collections.abc import Callable

from fastreid.config import CfgNode
from fastreid.modeling.backbones import BACKBONE_REGISTRY
from torch import nn

from mdpr.checkpoint.pretrained import load_pretrained_backbone
from mdpr.config import changed

_NAME = "build_resnet_backbone"


def with_checked_weights(build: Callable[[CfgNode], nn.Module]) -> Callable[[CfgNode], nn.Module]:
    """Wrap a fast-reid backbone builder so that weights are loaded by `load_pretrained_backbone`."""

    def build_resnet_backbone(cfg: CfgNode) -> nn.Module:
        backbone = build(changed(cfg, "MODEL.BACKBONE.PRETRAIN", False))
        if cfg.MODEL.BACKBONE.PRETRAIN:
            load_pretrained_backbone(backbone, cfg)
        return backbone

    return build_resnet_backbone


def apply() -> None:
    """Make the registered ResNet builder check what it loads."""
    build = BACKBONE_REGISTRY.get(_NAME)
    if build.__module__.startswith("fastreid."):
        # The registry has no call to replace an entry.
        BACKBONE_REGISTRY._obj_map[_NAME] = with_checked_weights(build)
