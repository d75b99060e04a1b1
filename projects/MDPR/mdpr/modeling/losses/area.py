"""Attention area: keep the foreground small."""

from torch import Tensor

from mdpr.modeling.losses.registry import LOSS_REGISTRY
from mdpr.modeling.precision import at_least_float32
from mdpr.modeling.structures import Attention


def attention_area_loss(attention: Attention) -> Tensor:
    """Mean over the batch of the total foreground attention of an image.

    Args:
        attention: of one stage; its maps A (B, M, h, w) are not detached, so they learn from it.

    Returns:
        Scalar in 0..h*w (a pixel's maps and its background sum to 1), float32.
    """
    maps = at_least_float32(attention.maps)
    return maps.sum() / maps.shape[0]


LOSS_REGISTRY.register("area", "AttentionAreaLoss")(lambda cfg: attention_area_loss)
