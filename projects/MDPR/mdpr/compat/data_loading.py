"""Batches brought to the device one step ahead, with or without a GPU.

fast-reid's ``DataLoaderX`` makes a CUDA stream on whatever machine, fetches in a thread that never tells of
an exception (the run then waits for ever) nor ends with the run, and hands out memory of the side stream
without telling the allocator, which may give it away too early.
"""

from collections.abc import Callable, Generator, Iterator
from typing import Any

import fastreid.data.build
import torch
from fastreid.data.data_utils import DataLoaderX
from torch import Tensor
from torch.utils.data import DataLoader

Batch = dict[str, Any]


class DeviceLoader(DataLoader):
    """PyTorch's loader under the signature of fast-reid's; a GPU gets a batch while the step before runs.

    Whatever a loader process raises is raised here. An iterator that is closed, or gone, has ended them;
    there is no thread but that of PyTorch that pins memory.

    Args:
        local_rank: of fast-reid's signature; the process has set its GPU.
        device: where batches go; None decides when iteration begins: to the present GPU where this process
            uses CUDA by then, as it does once its model is there.
        on_device: what is done with each batch that has been brought to a GPU, on the way's own stream.
        kwargs: arguments of ``torch.utils.data.DataLoader``; pinning is decided by the device.
    """

    def __init__(
        self,
        local_rank: int,
        *,
        device: torch.device | None = None,
        on_device: Callable[[Batch], Batch] = dict,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{**kwargs, "pin_memory": False})
        self._device = device
        self._on_device = on_device

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        """Batches, tensors on the device."""
        device = self._device
        if device is None:
            device = torch.device("cuda" if torch.cuda.is_initialized() else "cpu")
        self.pin_memory = device.type == "cuda"
        batches = super().__iter__()
        return one_ahead(batches, device, self._on_device) if self.pin_memory else batches


def one_ahead(
    batches: Iterator[Batch], device: torch.device, on_device: Callable[[Batch], Batch] = dict
) -> Generator[Batch, None, None]:
    """Hand out batches on a GPU; the next one is on its way, on a stream of its own, while the step runs."""
    stream = torch.cuda.Stream(device)

    def fetch() -> Batch | None:
        batch = next(batches, None)
        if batch is None:
            return None
        with torch.cuda.stream(stream):
            return on_device(
                {
                    key: value.to(device, non_blocking=True) if isinstance(value, Tensor) else value
                    for key, value in batch.items()
                }
            )

    ahead = fetch()
    while ahead is not None:
        batch = ahead
        present = torch.cuda.current_stream(device)
        present.wait_stream(stream)
        for value in batch.values():
            if isinstance(value, Tensor):
                value.record_stream(present)  # or the allocator would think it free with the side stream
        ahead = fetch()
        yield batch


def apply() -> None:
    """Make fast-reid's loader builders use `DeviceLoader`."""
    if fastreid.data.build.DataLoaderX is DataLoaderX:
        fastreid.data.build.DataLoaderX = DeviceLoader
