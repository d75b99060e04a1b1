"""Attention area: keep the foreground small."""

from torch import Tensor


def attention_area_loss(attention: Tensor) -> Tensor:
    """Mean over the batch of the total foreground attention of an image.

    Args:
        attention: (B, M, h, w) foreground maps, in 0..1; not detached, so the maps learn from it.

    Returns:
        Scalar in 0..h*w (a pixel's maps and its background sum to 1), float32.
    """
    return attention.float().sum() / attention.shape[0]
