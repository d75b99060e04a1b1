"""Images to tensors without a deprecated storage class.

fast-reid copies pixels through ``torch.ByteStorage``, which warns in every loader process, is going
away, and fails on 16- and 32-bit images with NumPy 2.
"""

import fastreid.data.transforms.transforms
import numpy as np
import torch
from PIL import Image
from torch import Tensor


def image_to_tensor(image: Image.Image | np.ndarray) -> Tensor:
    """Replacement for fast-reid's ``to_tensor``: same values, same layout.

    Args:
        image: (H, W) or (H, W, C) pixels.

    Returns:
        (C, H, W) float32, values unchanged.
    """
    pixels = np.array(image)
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous().float()


def apply() -> None:
    """Make fast-reid's ``ToTensor`` use `image_to_tensor`."""
    fastreid.data.transforms.transforms.to_tensor = image_to_tensor
