"""The model in all processes of a run."""

import inspect
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch.distributed as dist
from fastreid.utils import comm
from torch import nn
from torch.nn.parallel import DistributedDataParallel

# Its name in newer and in older versions of torch.
_BUFFERS_IN_FORWARD = (
    "forward_sync_buffers"
    if "forward_sync_buffers" in inspect.signature(DistributedDataParallel).parameters
    else "broadcast_buffers"
)


class _HostDataParallel(DistributedDataParallel):
    """For CPUs, where torch refuses its own SyncBatchNorm; `mdpr.plugs.sync_batch_norm` runs there."""

    def _passing_sync_batchnorm_handle(self, module: nn.Module) -> None:
        """Take synchronised norms as they are."""


def distribute(model: nn.Module) -> nn.Module:
    """Average gradients over the processes; with a single one the model is returned as it is.

    No parameter may be left without a gradient, as none of MDPR's is: the others would wait for it.
    """
    if comm.get_world_size() == 1:
        return model
    # Gradients lie in what is exchanged: no copy of each, there and back.
    arguments: dict[str, Any] = {_BUFFERS_IN_FORWARD: False, "gradient_as_bucket_view": True}
    if next(model.parameters()).device.type == "cpu":
        return _HostDataParallel(model, **arguments)
    return DistributedDataParallel(model, device_ids=[comm.get_local_rank()], **arguments)


def unwrapped(model: nn.Module) -> nn.Module:
    """The model that `distribute` wrapped, or ``model`` itself."""
    return model.module if isinstance(model, DistributedDataParallel) else model


def gradients_kept_local(model: nn.Module, wanted: bool) -> AbstractContextManager:
    """A context in which a distributed model does not exchange gradients after its backward pass.

    Of several batches of one step only the last has to; both passes of the others go in here.
    """
    if wanted and isinstance(model, DistributedDataParallel):
        return model.no_sync()
    return nullcontext()


def broadcast_buffers(model: nn.Module) -> None:
    """Give every process the first one's buffers, in place. Every process must call it.

    Running statistics of plain batch norms differ between processes, and the first one's are those in
    the checkpoints: with them, evaluation during training finds what evaluation of the checkpoint will.
    """
    if comm.get_world_size() > 1:
        for buffer in model.buffers():
            dist.broadcast(buffer, src=0)
