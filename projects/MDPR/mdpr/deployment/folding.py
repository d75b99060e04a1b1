"""Exact algebra on weights: two layers with nothing between them are one.

C input, m middle and O output channels, k kernel size.
"""

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mdpr.kernels.convolution import Convolution


def affine_of(norm: nn.Module) -> tuple[Tensor, Tensor] | None:
    """What a norm does to each channel in eval mode.

    Args:
        norm: a batch norm of any kind, or fast-reid's frozen one; any other cannot be folded.

    Returns:
        Scale and shift, float64 (C,) each; None for a norm that depends on the image.
    """
    names = ("running_mean", "running_var", "weight", "bias")
    values = [getattr(norm, name, None) for name in names]
    frozen = type(norm).__name__ == "FrozenBatchNorm"
    if not (frozen or isinstance(norm, _BatchNorm)) or any(v is None for v in values):
        return None
    mean, variance, weight, bias = (value.detach().double() for value in values if value is not None)
    scale = weight / (variance + norm.eps).sqrt()
    return scale, bias - mean * scale


def scaled(convolution: nn.Conv2d, scale: Tensor, shift: Tensor) -> Convolution:
    """``scale * convolution(x) + shift`` as one convolution.

    Args:
        convolution: C to O channels.
        scale: (O,).
        shift: (O,).
    """
    weight = convolution.weight.detach().double() * scale[:, None, None, None]
    bias = shift if convolution.bias is None else convolution.bias.detach() * scale + shift
    return _like(convolution, weight, bias)


def composed(pointwise: nn.Conv2d, spatial: nn.Conv2d) -> Convolution:
    """``spatial(pointwise(x))`` as one convolution.

    Exact at the border too: where ``spatial`` sees a padded 0, so does the sum, since ``pointwise`` has
    no bias that would make something else of it.

    Args:
        pointwise: 1x1, C to m channels, without bias.
        spatial: k x k, m to O channels.
    """
    first, second = pointwise.weight.detach().flatten(1), spatial.weight.detach()
    # (O, k, k, m) x (m, C): one product, in the order of channels-last memory.
    weight = (second.permute(0, 2, 3, 1) @ first).permute(0, 3, 1, 2)
    return _like(spatial, weight, spatial.bias)


def summed(pointwise: nn.Conv2d, spatial: nn.Conv2d) -> Convolution:
    """``pointwise(x) + spatial(x)`` as one convolution.

    Args:
        pointwise: 1x1, C to O channels, without bias.
        spatial: k x k with k odd and padding k // 2, C to O channels.
    """
    weight = spatial.weight.detach().clone()
    middle = weight.shape[2] // 2
    weight[:, :, middle, middle] += pointwise.weight.detach()[:, :, 0, 0]
    return _like(spatial, weight, spatial.bias)


def _like(convolution: nn.Conv2d, weight: Tensor, bias: Tensor | None) -> Convolution:
    result = Convolution(
        weight.shape[1] * convolution.groups,
        weight.shape[0],
        convolution.kernel_size,  # type: ignore[arg-type]
        convolution.stride,  # type: ignore[arg-type]
        convolution.padding,  # type: ignore[arg-type]
        convolution.dilation,  # type: ignore[arg-type]
        convolution.groups,
        bias is not None,
        convolution.padding_mode,
        device="meta",
    )
    own = convolution.weight
    weight = weight.to(own.dtype).contiguous(memory_format=torch.channels_last)
    result.weight = nn.Parameter(weight, requires_grad=False)
    if bias is not None:
        result.bias = nn.Parameter(bias.detach().to(own.dtype), requires_grad=False)
    return result.train(convolution.training)
