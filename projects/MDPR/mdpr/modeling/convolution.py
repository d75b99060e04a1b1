"""Convolutions as matrix products, where that is the faster way on a CPU.

A convolution of a map of 16 x 8 or 6 x 3 pixels has too few pixels a row for the CPU's convolution
kernels, above all for the gradient of its weights; one large matrix product over all pixels of the batch
has not. In channels-last memory a 1x1 convolution is such a product as it stands; a larger kernel needs
its windows gathered first, which pays where the channels are many and the rows short. On other devices,
and elsewhere, this is ``torch.nn.Conv2d``.

N images, C input and O output channels, k kernel size, H x W input and h x w output pixels.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

__all__ = ["Convolution", "pointwise", "replace_convolutions"]

# Measured on one core with AVX-512 and AMX, in float32 and bfloat16: gathering windows pays from this
# many channels, or from these where rows are short.
MANY_CHANNELS = 1024
SHORT_ROW_CHANNELS, SHORT_ROW = 512, 7
GATHERED_BYTES = 128 * 2**20  # windows are gathered for so many images at a time


class Convolution(nn.Conv2d):
    """``torch.nn.Conv2d`` that takes the faster of two ways; weights and results are the same."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, O, h, w)."""
        if self.kernel_size == (1, 1) and self.padding == (0, 0) and self.groups == 1:
            return pointwise(x, self.weight, self.bias, self.stride)
        if not self._gathers(x):
            return super().forward(x)
        weight = self.weight
        if torch.is_autocast_enabled(x.device.type):
            dtype = torch.get_autocast_dtype(x.device.type)
            x, weight = x.to(dtype), weight.to(dtype)
        result = _GatheredConvolution.apply(x, weight, self.stride[0], int(self.padding[0]))
        return result if self.bias is None else result + self.bias.to(result.dtype)[:, None, None]

    def _gathers(self, x: Tensor) -> bool:
        if not _multiplies(x) or isinstance(self.padding, str):
            return False
        one_geometry = all(
            pair[0] == pair[1] for pair in (self.kernel_size, self.stride, self.padding)
        )
        plain = self.groups == 1 and self.padding_mode == "zeros" and self.dilation == (1, 1)
        channels = min(self.in_channels, self.out_channels)
        short_rows = channels >= SHORT_ROW_CHANNELS and x.shape[3] <= SHORT_ROW
        return plain and one_geometry and (channels >= MANY_CHANNELS or short_rows)


def pointwise(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, stride: tuple[int, ...] = (1, 1)
) -> Tensor:
    """A 1x1 convolution.

    Args:
        x: (N, C, H, W).
        weight: (O, C, 1, 1).
        bias: (O,), or None.
        stride: in rows and columns.

    Returns:
        (N, O, h, w).
    """
    if not _multiplies(x):
        return F.conv2d(x, weight, bias, stride)
    pixels = x[:, :, :: stride[0], :: stride[1]].permute(0, 2, 3, 1)
    return F.linear(pixels, weight.flatten(1), bias).permute(0, 3, 1, 2)


def _multiplies(x: Tensor) -> bool:
    """Whether products may take the place of convolutions: exported graphs keep their convolutions."""
    return x.device.type == "cpu" and not (torch.jit.is_tracing() or torch.compiler.is_exporting())


def replace_convolutions(module: nn.Module) -> None:
    """Make every ``nn.Conv2d`` within ``module`` a `Convolution`, with the same parameters."""
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if type(child) is nn.Conv2d:
                setattr(parent, name, _as_convolution(child))


def _as_convolution(original: nn.Conv2d) -> Convolution:
    with torch.device("meta"):
        convolution = Convolution(
            original.in_channels,
            original.out_channels,
            original.kernel_size,  # type: ignore[arg-type]
            original.stride,  # type: ignore[arg-type]
            original.padding,  # type: ignore[arg-type]
            original.dilation,  # type: ignore[arg-type]
            original.groups,
            original.bias is not None,
            original.padding_mode,  # type: ignore[arg-type]
        )
    convolution.weight, convolution.bias = original.weight, original.bias
    return convolution.train(original.training)


class _GatheredConvolution(torch.autograd.Function):
    """Convolution by a product over gathered windows, which are not kept for the backward pass."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding = stride, padding
        kernel = _flat(weight).t()
        pieces = [w.flatten(0, 2) @ kernel for _, w in _windows(x, weight, stride, padding)]
        result = pieces[0] if len(pieces) == 1 else torch.cat(pieces)
        height, width = _output_size(x, weight, stride, padding)
        return result.view(x.shape[0], height, width, -1).permute(0, 3, 1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        x, weight = ctx.saved_tensors
        geometry = ctx.stride, ctx.padding
        gradient = gradient.permute(0, 2, 3, 1).contiguous()
        of_weight = _weight_gradient(x, weight, gradient, *geometry) if ctx.needs_input_grad[1] else None
        of_x = _input_gradient(x, weight, gradient, *geometry) if ctx.needs_input_grad[0] else None
        return of_x, of_weight, None, None


def _weight_gradient(
    x: Tensor, weight: Tensor, gradient: Tensor, stride: int, padding: int
) -> Tensor:
    total: Tensor | None = None
    for images, windows in _windows(x, weight, stride, padding):
        # Transposed in memory first: the product reads it faster, in bfloat16 above all.
        outputs = gradient[images].flatten(0, 2).t().contiguous()
        part = outputs @ windows.flatten(0, 2)
        total = part if total is None else total.to(_wide(total.dtype)).add_(part)
    assert total is not None
    kernel = weight.permute(0, 2, 3, 1)
    return total.to(weight.dtype).view(kernel.shape).permute(0, 3, 1, 2)


def _input_gradient(
    x: Tensor, weight: Tensor, gradient: Tensor, stride: int, padding: int
) -> Tensor:
    size, (height, width) = weight.shape[2], gradient.shape[1:3]
    images, channels, rows, columns = x.shape
    padded = gradient.new_zeros(
        (images, rows + 2 * padding, columns + 2 * padding, channels),
        dtype=_wide(x.dtype),  # a sum of up to k * k terms a pixel
    )
    for chosen in _image_groups(images, height * width * size * size * channels * x.itemsize):
        windows = gradient[chosen].flatten(0, 2) @ _flat(weight)
        windows = windows.view(-1, height, width, size, size, channels)
        for i in range(size):
            for j in range(size):
                below, right = i + stride * height, j + stride * width
                padded[chosen, i:below:stride, j:right:stride] += windows[:, :, :, i, j]
    inner = padded[:, padding : padding + rows, padding : padding + columns]
    return inner.to(x.dtype).contiguous().permute(0, 3, 1, 2)


def _flat(weight: Tensor) -> Tensor:
    """(O, k * k * C), a view of channels-last memory."""
    return weight.permute(0, 2, 3, 1).flatten(1)


def _output_size(x: Tensor, weight: Tensor, stride: int, padding: int) -> list[int]:
    return [(pixels + 2 * padding - weight.shape[2]) // stride + 1 for pixels in x.shape[2:]]


def _windows(
    x: Tensor, weight: Tensor, stride: int, padding: int
) -> Iterator[tuple[slice, Tensor]]:
    """Some images at a time, and what each output pixel of them sees: (n, h, w, k * k * C)."""
    size, channels = weight.shape[2], x.shape[1]
    height, width = _output_size(x, weight, stride, padding)
    pixels = F.pad(x.permute(0, 2, 3, 1), (0, 0, padding, padding, padding, padding)).contiguous()
    image, row, column, channel = pixels.stride()
    for chosen in _image_groups(len(x), height * width * size * size * channels * x.itemsize):
        part = pixels[chosen]
        yield (
            chosen,
            part.as_strided(
                (len(part), height, width, size, size, channels),
                (image, stride * row, stride * column, row, column, channel),
            ).reshape(len(part), height, width, -1),
        )


def _wide(dtype: torch.dtype) -> torch.dtype:
    return torch.promote_types(dtype, torch.float32)


def _image_groups(images: int, bytes_an_image: int) -> Iterator[slice]:
    step = max(1, GATHERED_BYTES // bytes_an_image)
    for start in range(0, images, step):
        yield slice(start, min(start + step, images))
