"""A convolution as a product of gathered windows and its kernel, forwards and backwards.

Gathering pays where channels are many and rows short: the CPU's own kernels work row by row, and reach a
hundredth of its peak in the weight gradient of 2048 channels over 6 x 3 pixels. Windows are gathered again
for the backward pass, not kept.

N images, C input and O output channels, k kernel size, H x W input and h x w output pixels.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.nn.grad import conv2d_input

GATHERED_BYTES = 128 * 2**20  # windows are gathered for so many images at a time


@dataclass(frozen=True)
class Gathers:
    """Which of a convolution's three products (result, input's and weight's gradient) gather windows."""

    everything: bool
    weight_gradient: bool

    @classmethod
    def for_shapes(cls, x: Tensor, weight: Tensor) -> "Gathers":
        """The faster way, as measured on one core with AVX-512 and AMX at 3 to 16 pixels a row.

        Args:
            x: (N, C, H, W).
            weight: (O, C, k, k).
        """
        channels, columns = min(weight.shape[:2]), x.shape[3]
        half = x.dtype in (torch.bfloat16, torch.float16)
        everything = channels >= 1024 or (channels >= 512 and columns < 8)
        # PyTorch 2.15's bfloat16 kernels leave a strided convolution's result unwritten where it is one
        # pixel wide.
        everything = everything or columns <= 2
        wide = channels >= 512 and (half or columns <= 8)
        small = half and channels >= 256 and columns <= 8
        return cls(everything, everything or wide or small)


def convolve_gathered(x: Tensor, weight: Tensor, stride: int, padding: int, gathers: Gathers) -> Tensor:
    """``conv2d`` without bias; both tensors are best in channels-last memory.

    Args:
        x: (N, C, H, W).
        weight: (O, C, k, k), of the same type.
        stride: of rows and of columns.
        padding: rows and columns of zeros on every side.
        gathers: which products to make from gathered windows.

    Returns:
        (N, O, h, w), in channels-last memory.
    """
    if torch.is_grad_enabled():
        return _GatheredConvolution.apply(x, weight, stride, padding, gathers)
    return _convolved(x, weight, stride, padding, gathers)


class _GatheredConvolution(torch.autograd.Function):
    @staticmethod
    def forward(  # noqa: PLR0917 - autograd functions take no keywords
        ctx: Any, x: Tensor, weight: Tensor, stride: int, padding: int, gathers: Gathers
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding, ctx.gathers = stride, padding, gathers
        return _convolved(x, weight, stride, padding, gathers)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        stride, padding = ctx.stride, ctx.padding
        of_x = of_weight = None
        if ctx.needs_input_grad[1]:
            of_weight = _weight_gradient(x, weight, gradient, stride, padding)
        if ctx.needs_input_grad[0] and ctx.gathers.everything:
            of_x = _input_gradient(x, weight, gradient, stride, padding)
        elif ctx.needs_input_grad[0]:
            of_x = conv2d_input(x.shape, weight, gradient, stride, padding)
        return of_x, of_weight, None, None, None


def _convolved(x: Tensor, weight: Tensor, stride: int, padding: int, gathers: Gathers) -> Tensor:
    if not gathers.everything:
        return F.conv2d(x, weight, stride=stride, padding=padding)
    kernel = weight.permute(0, 2, 3, 1).flatten(1).t()  # a view of channels-last memory
    pieces = [windows @ kernel for windows in _windows(x, weight, stride, padding)]
    result = pieces[0] if len(pieces) == 1 else torch.cat(pieces)
    height, width = _output_size(x, weight, stride, padding)
    return result.view(x.shape[0], height, width, -1).permute(0, 3, 1, 2)


def _weight_gradient(x: Tensor, weight: Tensor, gradient: Tensor, stride: int, padding: int) -> Tensor:
    """A product for each place in the kernel: all windows at once would be k * k times x."""
    (outputs, channels, size, _), (height, width) = weight.shape, gradient.shape[2:]
    # Transposed in memory first: the product reads it faster, in bfloat16 above all.
    gradient = gradient.permute(0, 2, 3, 1).flatten(0, 2).t().contiguous()
    pixels = _padded(x, padding)
    result = x.new_empty(outputs, size, size, channels)
    for i in range(size):
        for j in range(size):
            below, right = i + stride * height, j + stride * width
            seen = pixels[:, i:below:stride, j:right:stride].flatten(0, 2)
            torch.mm(gradient, seen, out=result[:, i, j])
    return result.permute(0, 3, 1, 2)


def _input_gradient(x: Tensor, weight: Tensor, gradient: Tensor, stride: int, padding: int) -> Tensor:
    size, (height, width) = weight.shape[2], gradient.shape[2:]
    images, channels, rows, columns = x.shape
    gradient = gradient.permute(0, 2, 3, 1)
    padded = gradient.new_zeros(
        (images, rows + 2 * padding, columns + 2 * padding, channels),
        dtype=torch.promote_types(x.dtype, torch.float32),  # a sum of up to k * k terms a pixel
    )
    outputs, kernel = gradient.flatten(0, 2), weight.permute(2, 3, 0, 1)
    for i in range(size):
        for j in range(size):
            below, right = i + stride * height, j + stride * width
            part = (outputs @ kernel[i, j]).view(images, height, width, channels)
            padded[:, i:below:stride, j:right:stride] += part
    inner = padded[:, padding : padding + rows, padding : padding + columns]
    return inner.to(x.dtype).contiguous().permute(0, 3, 1, 2)


def _windows(x: Tensor, weight: Tensor, stride: int, padding: int) -> Iterator[Tensor]:
    """What each output pixel sees, for some images at a time: (n * h * w, k * k * C)."""
    size, channels = weight.shape[2], x.shape[1]
    height, width = _output_size(x, weight, stride, padding)
    pixels = _padded(x, padding)
    image, row, column, channel = pixels.stride()
    step = max(1, GATHERED_BYTES // (height * width * size * size * channels * x.itemsize))
    for start in range(0, len(x), step):
        part = pixels[start : start + step]
        windows = part.as_strided(
            (len(part), height, width, size, size, channels),
            (image, stride * row, stride * column, row, column, channel),
        )
        yield windows.reshape(len(part) * height * width, -1)


def _output_size(x: Tensor, weight: Tensor, stride: int, padding: int) -> list[int]:
    return [(pixels + 2 * padding - weight.shape[2]) // stride + 1 for pixels in x.shape[2:]]


def _padded(x: Tensor, padding: int) -> Tensor:
    """(N, H + 2 * padding, W + 2 * padding, C)."""
    return F.pad(x.permute(0, 2, 3, 1), (0, 0, padding, padding, padding, padding)).contiguous()
