"""The network that a run trains, and the form of it that it evaluates: as trained, or deployed."""

import torch
from fastreid.config import CfgNode
from fastreid.modeling.meta_arch import build_model
from torch import nn

from mdpr.deployment import deploy
from mdpr.errors import wrong_value
from mdpr.kernels import accelerate
from mdpr.modeling.meta_arch import MDPR

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def build_network(cfg: CfgNode) -> nn.Module:
    """Build ``MODEL.META_ARCHITECTURE``; ``MODEL.ACCELERATE`` gives MDPR its numbers in less time."""
    network = build_model(cfg)
    if isinstance(network, MDPR):
        kernels: tuple[str, ...] | None = None if cfg.MODEL.ACCELERATE else ()
        if cfg.MODEL.ACCELERATE and cfg.SOLVER.COMPILE:
            kernels = ("channels_last",)  # the others are what a compiler cannot look into
        accelerate(network, only=kernels, recompute=cfg.MODEL.MDPR.RECOMPUTE_ACTIVATIONS)
    return network


def check_deploy_config(cfg: CfgNode) -> None:
    """Check ``TEST.MDPR.DEPLOY``.

    Raises:
        ConfigError: a value that is not known, or any for an architecture other than MDPR.
    """
    form, architecture = cfg.TEST.MDPR.DEPLOY, cfg.MODEL.META_ARCHITECTURE
    allowed = None
    if form not in ("", *_DTYPES):
        allowed = f"one of {', '.join(_DTYPES)}, or '' for the network as it was trained"
    elif form and architecture != "MDPR":
        allowed = f"'' while MODEL.META_ARCHITECTURE is {architecture}: only MDPR has a deployed form"
    if allowed is not None:
        raise wrong_value("TEST.MDPR.DEPLOY", form, allowed)


def evaluated_form(cfg: CfgNode, model: nn.Module) -> nn.Module:
    """The network itself, or the deployed form that ``TEST.MDPR.DEPLOY`` asks for."""
    form = cfg.TEST.MDPR.DEPLOY
    return deploy(model, dtype=_DTYPES[form]) if form and isinstance(model, MDPR) else model
