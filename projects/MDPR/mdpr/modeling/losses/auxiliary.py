"""Further terms of the loss, from a user's own project."""

from fastreid.config import CfgNode
from fastreid.utils.registry import Registry
from torch import nn

AUXILIARY_LOSS_REGISTRY = Registry("MDPR_AUXILIARY_LOSS")
AUXILIARY_LOSS_REGISTRY.__doc__ = """
What ``MODEL.MDPR.AUXILIARY_LOSSES`` may hold. A registered ``nn.Module`` is made of the config, and
called in training with the outputs of all heads by embedding name (each with ``cls_outputs`` (B, K) and
``features`` (B, D)) and the targets (B,); it returns a scalar, already weighted, which is added to the
losses as ``loss_<name>``.
"""


def build_auxiliary_losses(cfg: CfgNode, names: list[str]) -> nn.ModuleDict:
    """The modules of so many names out of `AUXILIARY_LOSS_REGISTRY`.

    Args:
        cfg: the full config, which each is made of.
        names: of the terms.
    """
    return nn.ModuleDict({name: AUXILIARY_LOSS_REGISTRY.get(name)(cfg) for name in names})
