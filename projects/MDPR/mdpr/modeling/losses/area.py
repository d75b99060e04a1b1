"""Attention area: keep the foreground small."""

from torch import Tensor

from mdpr.modeling.precision import at_least_float32


def attention_area_loss(attention: Tensor) -> Tensor:
    """Mean over the batch of the total foreground attention of an image.

    Args:
        attention: (B, M, h, w) foreground maps, in 0..1; not detached, so the maps learn from it.

    Returns:
        Scalar in 0..h*w (a pixel's maps and its background sum to 1), float32.
    """
    return at_least_float32(attention).sum() / attention.shape[0]
