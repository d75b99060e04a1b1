"""What the network of a row costs: parameters, and operations for one image."""

import warnings
from dataclasses import dataclass

import torch
from fastreid.config import CfgNode
from fastreid.modeling.meta_arch import build_model
from torch.utils.flop_counter import FlopCounterMode

from mdpr.config import changed


@dataclass(frozen=True)
class Cost:
    """Of a network as it is tested.

    Attributes:
        parameters: without classifiers, whose size is the data's.
        operations: multiplications and additions of convolutions and matrix products, for one image.
    """

    parameters: int
    operations: int


def cost_of(cfg: CfgNode) -> Cost:
    """Build the network of a config on the CPU, and let one image of ``INPUT.SIZE_TEST`` through."""
    cfg = changed(
        cfg,
        *("MODEL.DEVICE", "cpu", "MODEL.BACKBONE.PRETRAIN", False, "MODEL.HEADS.NUM_CLASSES", 0),
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Initializing zero-element tensors")
        network = build_model(cfg).eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network({"images": torch.zeros(1, 3, *cfg.INPUT.SIZE_TEST)})
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return Cost(parameters, counter.get_total_flops())
