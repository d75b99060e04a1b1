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
        raise TypeError(f"expected a batch dict or an image tensor, got {type(batched_inputs).__name__}")
    if "images" not in batched_inputs:
        raise KeyError(f"the batch has no 'images', only {sorted(batched_inputs)}")
    return batched_inputs["images"]


def normalize_pixels(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """``(images - mean) / std`` as a new tensor, on the device of ``mean``.

    Args:
        images: (B, 3, H, W) RGB in 0..255, of any number type; never changed.
        mean: (1, 3, 1, 1), in the same 0..255 range.
        std: (1, 3, 1, 1), in the same 0..255 range.

    Returns:
        (B, 3, H, W), of the type of ``mean``.
    """
    # One multiplication and one addition a pixel.
    return torch.addcmul(-mean / std, images.to(mean), 1 / std)
