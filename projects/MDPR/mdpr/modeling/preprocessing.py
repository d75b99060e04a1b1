"""From the loader's batch to normalised pixels."""

from typing import Any

import torch
from torch import Tensor


def images_of(batched_inputs: dict[str, Any] | Tensor) -> Tensor:
    """The image tensor of fast-reid's batch dict, or the tensor itself.

    Raises:
        TypeError: ``batched_inputs`` is neither a dict nor a tensor.
        KeyError: the dict has no ``images``.
    """
    if isinstance(batched_inputs, Tensor):
        return batched_inputs
    if not isinstance(batched_inputs, dict):
        raise TypeError(
            f"expected a batch dict or an image tensor, got {type(batched_inputs).__name__}"
        )
    if "images" not in batched_inputs:
        raise KeyError(f"the batch has no 'images', only {sorted(batched_inputs)}")
    return batched_inputs["images"]


def normalize_pixels(
    images: Tensor,
    mean: Tensor,
    std: Tensor,
    *,
    memory_format: torch.memory_format = torch.contiguous_format,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """``(images - mean) / std`` as a new tensor, on the device of ``mean``.

    One pass, a multiplication and an addition a pixel, which also makes the memory format and type.

    Args:
        images: (B, 3, H, W) RGB in 0..255, of any number type; never changed.
        mean: (1, 3, 1, 1), in the same 0..255 range.
        std: (1, 3, 1, 1), in the same 0..255 range.
        memory_format: of the result.
        dtype: number type of the result, by default that of ``mean``.

    Returns:
        (B, 3, H, W).
    """
    images = images.to(mean.device)
    shift, scale = -mean / std, 1 / std
    if images.requires_grad:  # as for saliency; autograd does not follow a result given beforehand
        result = torch.addcmul(shift, images, scale)
        return result.to(dtype or mean.dtype, memory_format=memory_format)
    result = torch.empty(
        images.shape, dtype=dtype or mean.dtype, device=mean.device, memory_format=memory_format
    )
    return torch.addcmul(shift, images, scale, out=result)
