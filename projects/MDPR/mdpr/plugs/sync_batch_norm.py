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
from torch.autograd.function import once_differentiable

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
        output, mean, variance, count = _Normalization.apply(input, self.weight, self.bias, self)
        self._update_statistics(mean, variance, count)
        return output

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


class _Normalization(torch.autograd.Function):
    """Normalise by the mean and variance over all processes, in float32 or better."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, norm: SyncBatchNorm
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        ctx.group = norm.process_group or dist.group.WORLD
        exact = at_least_float32(x)
        axes = [axis for axis in range(x.dim()) if axis != 1]
        local_count = torch.tensor([x.numel() // x.shape[1]], dtype=exact.dtype)
        total = torch.cat([exact.sum(axes), local_count])
        dist.all_reduce(total, group=ctx.group)
        count = total[-1]
        if count <= 1:
            raise ValueError(
                f"batch norm needs more than 1 value per channel over all processes, got {int(count)}"
            )
        mean = total[:-1] / count
        centred = exact - _as_channels(mean, x)
        # From the common mean, not from sums of squares: no digits are lost where it is large.
        variance = centred.square().sum(axes)
        dist.all_reduce(variance, group=ctx.group)
        variance /= count
        inverse_std = (variance + norm.eps).rsqrt()
        ctx.save_for_backward(x, weight, mean, inverse_std, count)
        output = centred * _as_channels(inverse_std * weight, x) + _as_channels(bias, x)
        ctx.mark_non_differentiable(mean, variance, count)
        return output.to(x.dtype), mean, variance, count

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        x, weight, mean, inverse_std, count = ctx.saved_tensors
        grad = at_least_float32(grad_output)
        axes = [axis for axis in range(x.dim()) if axis != 1]
        normalized = (at_least_float32(x) - _as_channels(mean, x)) * _as_channels(inverse_std, x)
        grad_bias, grad_weight = grad.sum(axes), (grad * normalized).sum(axes)
        grad_x = None
        if ctx.needs_input_grad[0]:
            # The statistics depend on every process's input. Weight and bias stay local: averaging
            # their gradients is the trainer's part.
            sums = torch.stack([grad_bias, grad_weight])
            dist.all_reduce(sums, group=ctx.group)
            from_mean, from_variance = (_as_channels(each, x) for each in sums / count)
            grad_x = grad - from_mean - normalized * from_variance
            grad_x = (grad_x * _as_channels(inverse_std * weight, x)).to(x.dtype)
        needed = ctx.needs_input_grad
        return grad_x, grad_weight if needed[1] else None, grad_bias if needed[2] else None, None


def _as_channels(values: Tensor, like: Tensor) -> Tensor:
    """(C,) in a shape that goes with (B, C, ...)."""
    return values.reshape(1, -1, *[1] * (like.dim() - 2))


def apply() -> None:
    """Make fast-reid's ``get_norm`` build the class above for "syncBN"."""
    if fastreid.layers.batch_norm.SyncBatchNorm is _FastReidSyncBatchNorm:
        fastreid.layers.batch_norm.SyncBatchNorm = SyncBatchNorm
