"""Tensors of images and of pickles without a deprecated storage class.

fast-reid copies pixels, and objects that it gathers over processes, through ``torch.ByteStorage``, which
warns in every process, is going away, and fails on 16- and 32-bit images with NumPy 2.
"""

import pickle

import fastreid.data.transforms.transforms
import fastreid.utils.comm
import numpy as np
import torch
import torch.distributed as dist
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


def serialize_to_tensor(data: object, group: dist.ProcessGroup) -> Tensor:
    """Replacement for ``_serialize_to_tensor``.

    Args:
        data: what can be pickled.
        group: the processes it goes to; gloo or NCCL.

    Returns:
        (N,) bytes, where the group's backend can take them.
    """
    device = "cuda" if dist.get_backend(group) == "nccl" else "cpu"
    return torch.frombuffer(bytearray(pickle.dumps(data)), dtype=torch.uint8).to(device)


def apply() -> None:
    """Make fast-reid's ``ToTensor``, ``all_gather`` and ``gather`` use these two."""
    fastreid.data.transforms.transforms.to_tensor = image_to_tensor
    fastreid.utils.comm._serialize_to_tensor = serialize_to_tensor
