"""A wide 3x3 convolution with 4 multiplications where the definition has 9, forwards and backwards.

See `mdpr.kernels.winograd_tiles` for the algorithm. Transformed kernels are 16 / 9 of the weight: they are
made for some output channels at a time, used while they are in the CPU's cache, and made again for the
backward pass. The input's gradient is the same convolution of the result's gradient, with each kernel turned
by half a turn.

N images, C input and O output channels, T tiles.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from mdpr.kernels.winograd_tiles import (
    KERNEL_TRANSFORM,
    input_tiles,
    output_pixels,
    spread_output,
)

LEAST_CHANNELS = 512  # from here on, and
LEAST_PIXELS = 256  # in a batch, faster than other ways, as measured with AVX-512
LEAST_KERNELS, KERNEL_SHARE = 128, 8  # transformed kernels at a time: so many, or an eighth of all


def convolve_winograd(x: Tensor, weight: Tensor) -> Tensor:
    """``conv2d`` with stride 1 and padding 1, without bias; both tensors are best in channels-last memory.

    Args:
        x: (N, C, H, W).
        weight: (O, C, 3, 3), of the same type.

    Returns:
        (N, O, H, W), in channels-last memory.
    """
    if torch.is_grad_enabled():
        return _WinogradConvolution.apply(x, weight)
    return _convolved(x, weight)


def winograd_pays(x: Tensor, weight: Tensor) -> bool:
    """Whether this is the fastest way for a convolution it can make.

    Args:
        x: (N, C, H, W).
        weight: (O, C, k, k), of the same type.
    """
    wide = weight.shape[2:] == (3, 3) and min(weight.shape[:2]) >= LEAST_CHANNELS
    pixels = x.shape[0] * x.shape[2] * x.shape[3]
    # Half precision is too coarse for the sums, and its products are too fast to be worth them.
    return x.dtype == torch.float32 and wide and pixels >= LEAST_PIXELS


class _WinogradConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _convolved(x, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        # The weight's gradient last, as it is the largest.
        of_x = _input_gradient(gradient, weight) if ctx.needs_input_grad[0] else None
        return of_x, _weight_gradient(x, gradient) if ctx.needs_input_grad[1] else None


def _convolved(x: Tensor, weight: Tensor) -> Tensor:
    tiles = input_tiles(x.permute(0, 2, 3, 1))
    pixels, sizes = tiles.flatten(0, 1).flatten(1, 3), tiles.shape[:5]
    images, high, wide = sizes[2:]
    result = x.new_empty(images, 2 * high, 2 * wide, len(weight))
    products: Tensor | None = None  # one piece of memory for all blocks
    for start, kernels in _transformed_kernels(weight):
        if products is None or products.shape[2] != kernels.shape[1]:
            products = x.new_empty(16, pixels.shape[1], kernels.shape[1])
        torch.bmm(pixels, kernels.transpose(1, 2), out=products)
        block = result[..., start : start + kernels.shape[1]]
        block.copy_(output_pixels(products.view(*sizes, -1)))
    return _cropped(result, x)


def _input_gradient(gradient: Tensor, weight: Tensor) -> Tensor:
    tiles = input_tiles(gradient.permute(0, 2, 3, 1))
    pixels = tiles.flatten(0, 1).flatten(1, 3)
    products = pixels.new_zeros(*pixels.shape[:2], weight.shape[1])
    for start, kernels in _transformed_kernels(weight, turned=True):
        products.baddbmm_(pixels[..., start : start + kernels.shape[1]], kernels)
    return _cropped(output_pixels(products.view(*tiles.shape[:5], -1)), gradient)


def _weight_gradient(x: Tensor, gradient: Tensor) -> Tensor:
    tiles = input_tiles(x.permute(0, 2, 3, 1)).flatten(0, 1).flatten(1, 3)
    outputs, channels = gradient.shape[1], x.shape[1]
    result = x.new_empty(outputs, 9, channels)
    transform = _kernel_transform(x).t()
    kernels = of_kernels = x.new_empty(0)
    step = _kernels_at_a_time(outputs)
    for start in range(0, outputs, step):
        spread = spread_output(gradient[:, start : start + step].permute(0, 2, 3, 1))
        spread = spread.flatten(0, 1).flatten(1, 3).transpose(1, 2)
        if of_kernels.shape[:2] != spread.shape[:2]:
            of_kernels, kernels = (x.new_empty(n, spread.shape[1], channels) for n in (16, 9))
        torch.bmm(spread, tiles, out=of_kernels)
        torch.mm(transform, of_kernels.flatten(1), out=kernels.view(9, -1))
        result[start : start + step] = kernels.transpose(0, 1)
    return result.view(outputs, 3, 3, channels).permute(0, 3, 1, 2)


def _transformed_kernels(weight: Tensor, *, turned: bool = False) -> Iterator[tuple[int, Tensor]]:
    """The first output channel and (16, o, C), for some output channels at a time."""
    outputs, channels = weight.shape[:2]
    kernels = weight.permute(2, 3, 0, 1).flatten(0, 1)  # (9, O, C), a view of channels-last memory
    transform, step = _kernel_transform(weight), _kernels_at_a_time(outputs)
    if turned:
        transform = transform.flip(1)
    part = transformed = weight.new_empty(0)
    for start in range(0, outputs, step):
        count = min(step, outputs - start)
        if start == 0 or count < step:
            part, transformed = (weight.new_empty(n, count, channels) for n in (9, 16))
        part.copy_(kernels[:, start : start + step])
        torch.mm(transform, part.view(9, -1), out=transformed.view(16, -1))
        yield start, transformed


def _kernel_transform(like: Tensor) -> Tensor:
    """(16, 9): a transformed kernel's places, and the kernel's."""
    once = like.new_tensor(KERNEL_TRANSFORM)
    return torch.kron(once, once)


def _kernels_at_a_time(outputs: int) -> int:
    return max(LEAST_KERNELS, outputs // KERNEL_SHARE)


def _cropped(pixels: Tensor, like: Tensor) -> Tensor:
    """(N, H or H + 1, W or W + 1, C) to (N, C, H, W), with the height and width of ``like``."""
    height, width = like.shape[2:]
    if pixels.shape[1:3] != (height, width):
        pixels = pixels[:, :height, :width].contiguous()
    return pixels.permute(0, 3, 1, 2)
