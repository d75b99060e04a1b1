"""A head and a triplet loss in half precision, as the authors' release has them under autocast: an ablation.

This project's own leave half precision (`mdpr.modeling.heads`, `mdpr.plugs.loss_precision`). These enter it,
whatever the rest of the network computes in, so that what it costs can be measured without a GPU too.
"""

from collections.abc import Callable
from inspect import unwrap
from typing import Any

import torch
from fastreid.config import CfgNode
from fastreid.modeling.heads import REID_HEADS_REGISTRY, EmbeddingHead
from fastreid.modeling.losses.triplet_loss import hard_example_mining, weighted_example_mining
from fastreid.modeling.losses.utils import cosine_dist, euclidean_dist
from torch import Tensor
from torch.nn import functional as F

from mdpr.modeling.heads import MDPRHead
from mdpr.modeling.losses.build import HeadOutput, LossFunction
from mdpr.modeling.losses.registry import LOSS_REGISTRY


@REID_HEADS_REGISTRY.register()
class HalfPrecisionHead(MDPRHead):
    """`MDPRHead` with cosines, margins and scaled logits in float16; pooling leaves it, as autocast does."""

    def forward(self, features: Tensor, targets: Tensor | None = None) -> Any:
        """As `MDPRHead`, ``cls_outputs`` and ``pred_class_logits`` in float16."""
        return _in_float16(EmbeddingHead.forward)(self, features, targets)


@LOSS_REGISTRY.register("embedding", "HalfPrecisionTripletLoss")
def _triplet(cfg: CfgNode) -> tuple[str, LossFunction]:
    """fast-reid's ``TripletLoss`` with its distances from a matrix product in float16."""
    node = cfg.MODEL.LOSSES.TRI
    distances = _in_float16(cosine_dist if node.NORM_FEAT else euclidean_dist)
    mine = hard_example_mining if node.HARD_MINING else weighted_example_mining

    def loss(output: HeadOutput, targets: Tensor) -> Tensor:
        features = output["features"]
        distance = distances(features, features).float()
        same = targets.unsqueeze(1) == targets
        own, other = mine(distance, same.float(), (~same).float())
        difference = own - other
        terms = F.relu(difference + node.MARGIN) if node.MARGIN > 0 else F.softplus(difference)
        return node.SCALE * terms.mean()

    return "half_precision_triplet", loss


def _in_float16(function: Callable[..., Any]) -> Callable[..., Any]:
    """fast-reid's own function, without what holds it in float32, under autocast to float16."""
    own = unwrap(function)

    def rounded(*arguments: Any) -> Any:
        device = next(value.device for value in arguments if isinstance(value, Tensor))
        with torch.autocast(device_type=device.type, dtype=torch.float16):
            return own(*arguments)

    return rounded
