"""The network that a run trains or evaluates."""

from fastreid.config import CfgNode
from fastreid.modeling.meta_arch import build_model
from torch import nn

from mdpr.kernels import accelerate
from mdpr.modeling.meta_arch import MDPR


def build_network(cfg: CfgNode) -> nn.Module:
    """Build ``MODEL.META_ARCHITECTURE``; ``MODEL.ACCELERATE`` gives MDPR its numbers in less time."""
    network = build_model(cfg)
    if isinstance(network, MDPR):
        kernels = None if cfg.MODEL.ACCELERATE else ()
        if cfg.MODEL.ACCELERATE and cfg.SOLVER.COMPILE:
            kernels = ("channels_last",)  # the others are what a compiler cannot look into
        accelerate(
            network,
            only=kernels,
            recompute=cfg.MODEL.MDPR.RECOMPUTE_ACTIVATIONS,
        )
    return network
