"""Data loading on a machine without a GPU.

fast-reid's loader makes a CUDA stream, whatever the device, and moves every batch to the GPU.
"""

from typing import Any

import fastreid.data.build
import torch
from fastreid.data.data_utils import DataLoaderX
from torch.utils.data import DataLoader


class HostDataLoader(DataLoader):
    """A plain loader under the signature of fast-reid's ``DataLoaderX``: batches stay in host memory."""

    def __init__(self, local_rank: int, **kwargs: Any) -> None:
        kwargs["pin_memory"] = False  # pinning speeds up copies to a GPU, and warns without one
        super().__init__(**kwargs)


def make_data_loader(local_rank: int, **kwargs: Any) -> DataLoader:
    """fast-reid's prefetching GPU loader where there is a GPU, else a `HostDataLoader`.

    Args:
        local_rank: index of the process, and of its GPU, on this machine.
        kwargs: arguments of ``torch.utils.data.DataLoader``.
    """
    loader_class = DataLoaderX if torch.cuda.is_available() else HostDataLoader
    return loader_class(local_rank, **kwargs)


def apply() -> None:
    """Make fast-reid's loader builders choose the loader by the machine."""
    if fastreid.data.build.DataLoaderX is DataLoaderX:
        fastreid.data.build.DataLoaderX = make_data_loader
