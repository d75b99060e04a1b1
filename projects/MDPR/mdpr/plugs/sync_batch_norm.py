"""Batch norms synchronised over processes, on CPUs too.

fast-reid's ``syncBN`` is torch's ``SyncBatchNorm``, which refuses CPU tensors as soon as there is a
process group, even on one process. Here the statistics travel by whatever backend the group has.

B batch, C channels.
"""

from typing import Any

import fastreid.layers.batch_norm
import torch
import torch.distributed as dist
from torch import Tensor

from mdpr.modeling.precision import at_least_float32

_FastReidSyncBatchNorm: Any = fastreid.layers.batch_norm.SyncBatchNorm


class SyncBatchNorm(_FastReidSyncBatchNorm):
    """fast-reid's ``SyncBatchNorm`` wherever that works, and the same numbers on CPUs."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name torch gives it
        """
        Args:
            input: (B, C, ...); B may differ between processes. In training every process must call it.

        Raises:
            ValueError: a single value per channel over all processes.
        """
        together = self.training and dist.is_available() and dist.is_initialized()
        if input.device.type != "cpu" or not together:
            return super().forward(input)
        self._check_input_dim(input)
        group = self.process_group or dist.group.WORLD
        exact = at_least_float32(input)
        axes = [axis for axis in range(input.dim()) if axis != 1]
        own_count = exact.new_tensor([input.numel() // input.shape[1]])
        total = _SumOverProcesses.apply(torch.cat([exact.sum(axes), own_count]), group)
        count = total[-1].detach()
        if count <= 1:
            raise ValueError(
                f"batch norm needs more than 1 value per channel over all processes, got {int(count)}"
            )
        mean = total[:-1] / count
        centred = exact - _as_channels(mean, input)
        # From the common mean, not from sums of squares: no digits are lost where it is large.
        variance = _SumOverProcesses.apply(centred.square().sum(axes), group) / count
        self._update_statistics(mean, variance, count)
        # Weight and bias stay local: averaging their gradients is the trainer's part.
        scale = _as_channels((variance + self.eps).rsqrt() * self.weight, input)
        return (centred * scale + _as_channels(self.bias, input)).to(input.dtype)

    @torch.no_grad()
    def _update_statistics(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        if not self.track_running_stats:
            return
        self.num_batches_tracked.add_(1)
        momentum = self.momentum
        if momentum is None:  # the mean of all batches
            momentum = 1.0 / int(self.num_batches_tracked)
        unbiased = variance * (count / (count - 1))
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), momentum)
        self.running_var.lerp_(unbiased.to(self.running_var.dtype), momentum)


class _SumOverProcesses(torch.autograd.Function):
    """The sum over processes. Each one's result depends on the values of all: gradients are summed too."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, group: dist.ProcessGroup) -> Tensor:
        ctx.group = group
        total = values.clone()
        dist.all_reduce(total, group=group)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _SumOverProcesses.apply(gradient, ctx.group), None


def _as_channels(values: Tensor, like: Tensor) -> Tensor:
    """(C,) in a shape that goes with (B, C, ...)."""
    return values.reshape(1, -1, *[1] * (like.dim() - 2))


def apply() -> None:
    """Make fast-reid's ``get_norm`` build the class above for "syncBN"."""
    if fastreid.layers.batch_norm.SyncBatchNorm is _FastReidSyncBatchNorm:
        fastreid.layers.batch_norm.SyncBatchNorm = SyncBatchNorm
