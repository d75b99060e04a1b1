"""Objects gathered over processes without a deprecated storage class.

fast-reid serialises them through ``torch.ByteStorage``, which warns in every process and is going away.
"""

import pickle

import fastreid.utils.comm
import torch
import torch.distributed as dist
from torch import Tensor


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
    """Make fast-reid's ``all_gather`` and ``gather`` use `serialize_to_tensor`."""
    fastreid.utils.comm._serialize_to_tensor = serialize_to_tensor
