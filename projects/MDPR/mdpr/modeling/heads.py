"""The head of one embedding: fast-reid's, without its waits for the GPU."""

from typing import Any

import torch
from fastreid.config import CfgNode
from fastreid.layers.any_softmax import CircleSoftmax
from fastreid.layers.pooling import GeneralizedMeanPoolingP
from fastreid.modeling.heads import REID_HEADS_REGISTRY, EmbeddingHead
from torch import Tensor, nn

from mdpr.modeling.pooling import GeneralizedMeanPooling
from mdpr.modeling.precision import at_least_float32


class OnDeviceCircleSoftmax(CircleSoftmax):
    """fast-reid's ``CircleSoftmax`` with a mask in the place of index lists.

    Index lists have a length that only the device knows, so each one stalls a GPU; the values are the
    same. Source: Circle Loss (Sun et al., CVPR 2020), eq. 6.
    """

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """
        Args:
            logits: (B, K) cosines, in -1..1.
            targets: (B,) classes in 0..K-1, or -1 for an image of no class.

        Returns:
            (B, K) scaled logits with the margin.
        """
        weight_own = (1 + self.m - logits.detach()).clamp(min=0)
        weight_other = (logits.detach() + self.m).clamp(min=0)
        is_own = targets.unsqueeze(1) == torch.arange(logits.shape[1], device=logits.device)
        own = weight_own * (logits - (1 - self.m))
        other = weight_other * (logits - self.m)
        return self.s * torch.where(is_own, own, other)


@REID_HEADS_REGISTRY.register()
class MDPRHead(EmbeddingHead):
    """fast-reid's ``EmbeddingHead`` (GeM, BNNeck, margin classifier) with `OnDeviceCircleSoftmax`
    and `GeneralizedMeanPooling`.

    Weights and results are those of ``EmbeddingHead``.
    """

    cls_layer: Any
    pool_layer: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        margin = self.cls_layer
        if type(margin) is CircleSoftmax:
            self.cls_layer = OnDeviceCircleSoftmax(margin.num_classes, margin.s, margin.m)
        if type(self.pool_layer) is GeneralizedMeanPoolingP:
            self.pool_layer = GeneralizedMeanPooling()

    def forward(self, features: Tensor, targets: Tensor | None = None) -> Any:
        """fast-reid's head, in float32 also under mixed precision.

        The powers of GeM and cosines scaled by 64 do not survive half precision.

        Args:
            features: (B, C, h, w).
            targets: (B,) classes, in training.

        Returns:
            In training a dict with ``cls_outputs`` and ``pred_class_logits`` (B, K) and ``features``
            (B, C); in eval the features alone.
        """
        with torch.autocast(device_type=features.device.type, enabled=False):
            # This pooling takes any precision and gives float32.
            if not isinstance(self.pool_layer, GeneralizedMeanPooling):
                features = at_least_float32(features)
            return super().forward(features, targets)


def build_head(cfg: CfgNode, feat_dim: int, pooled: bool = False, normed: bool = True) -> nn.Module:
    """Build the head named ``MODEL.HEADS.NAME`` for an embedding of another width.

    Args:
        cfg: the full config.
        feat_dim: channels of the head's input.
        pooled: whether the input is pooled already, (B, feat_dim, 1, 1).
        normed: whether it has the neck's norm.
    """
    overrides: dict[str, Any] = {"pool_type": "Identity"} if pooled else {}
    if not normed:
        overrides["with_bnneck"] = False
    return REID_HEADS_REGISTRY.get(cfg.MODEL.HEADS.NAME)(cfg, feat_dim=feat_dim, **overrides)
