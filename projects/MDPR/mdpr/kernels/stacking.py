"""Several blocks of one shape over one input, computed as one."""

from collections.abc import Sequence
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from mdpr.kernels.convolution import pointwise
from mdpr.modeling.attention import BilinearAttentionPooling


class StackedAttentionPooling(BilinearAttentionPooling):
    """`BilinearAttentionPooling` of all maps at once.

    A 1x1 convolution commutes with multiplying by a spatial map, so all maps' embeddings are one
    convolution of x, and each map multiplies its E channels instead of a copy of x.
    """

    def forward(self, x: Tensor, attention: Tensor) -> Tensor:
        """x (B, C, h, w) and A (B, M, h, w) to v (B, M, E), float32 at least."""
        blocks: list[Any] = list(self.embeddings)
        projected = project_stacked([block.projection for block in blocks], x)
        weighted = projected.unflatten(1, (len(blocks), -1)) * attention.to(
            projected.dtype
        ).unsqueeze(2)
        embedded = normalize_stacked([block.norm for block in blocks], weighted.flatten(1, 2))
        return self.pool(F.relu(embedded, inplace=True)).view(len(x), len(blocks), -1)


def project_stacked(projections: Sequence[nn.Conv2d], x: Tensor) -> Tensor:
    """1x1 convolutions of one input as a single one.

    Args:
        projections: n of them, C to E channels, without bias.
        x: (B, C, h, w).

    Returns:
        (B, n * E, h, w), the results side by side.
    """
    return pointwise(x, torch.cat([projection.weight for projection in projections]))


def normalize_stacked(norms: Sequence[nn.Module], x: Tensor) -> Tensor:
    """Each norm over its own block of channels.

    Args:
        norms: n norms over E channels each, of one kind; the statistics of batch norms are kept as if
            each had run alone.
        x: (B, n * E, h, w).

    Returns:
        Of the shape of ``x``.
    """
    batch_norms = [norm for norm in norms if _is_plain_batch_norm(norm)]
    if len(batch_norms) == len(norms):
        return _batch_norm_stacked(batch_norms, x)
    parts = zip(norms, x.chunk(len(norms), dim=1), strict=True)
    return torch.cat([norm(part) for norm, part in parts], dim=1)


def _is_plain_batch_norm(norm: nn.Module) -> TypeGuard[_BatchNorm]:
    return type(norm).forward is _BatchNorm.forward and norm.momentum is not None


def _batch_norm_stacked(norms: Sequence[_BatchNorm], x: Tensor) -> Tensor:
    """Batch norm is per channel: n norms over E channels are one over n * E."""

    def stacked(name: str) -> Tensor:
        return torch.cat([getattr(norm, name) for norm in norms])

    training, momentum = norms[0].training, norms[0].momentum or 0.0
    mean, variance = stacked("running_mean"), stacked("running_var")
    weight, bias = stacked("weight"), stacked("bias")
    result = F.batch_norm(x, mean, variance, weight, bias, training, momentum, norms[0].eps)
    if training:
        with torch.no_grad():
            for name, values in (("running_mean", mean), ("running_var", variance)):
                for norm, part in zip(norms, values.chunk(len(norms)), strict=True):
                    getattr(norm, name).copy_(part)
            for norm in norms:
                if norm.num_batches_tracked is not None:
                    norm.num_batches_tracked.add_(1)
    return result
