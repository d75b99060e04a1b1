"""A wide 3x3 convolution with 4 multiplications where the definition has 9, forwards and backwards.

Winograd's minimal filtering F(2x2, 3x3), after Lavin and Gray, "Fast Algorithms for Convolutional Neural
Networks" (CVPR 2016), section 4.1: each tile of 2 x 2 output pixels comes from 4 x 4 input pixels by a
transformation (16 numbers to 16), one product for each of these, and another transformation (16 to 4); the
kernel's 9 numbers become 16 too. Results are the convolution's (stride 1, padding 1) up to rounding. The
input's gradient is the same convolution of the result's gradient, with each kernel turned by half a turn.

N images, C input and O output channels, th x tw tiles, T of all images.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

LEAST_CHANNELS = 512  # from here on, and
LEAST_PIXELS = 256  # in a batch, faster than other ways

# Of rows or of columns; of a tile, the product in the sense of Kronecker.
INPUT = ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1))
KERNEL = ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1))
OUTPUT = ((1, 1, 1, 0), (0, 1, -1, -1))


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


class _WinogradConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _convolved(x, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        of_x = of_weight = None
        if ctx.needs_input_grad[0]:
            of_x = _convolved(gradient, weight.flip(2, 3).transpose(0, 1))
        if ctx.needs_input_grad[1]:
            of_weight = _weight_gradient(x, gradient)
        return of_x, of_weight


def _convolved(x: Tensor, weight: Tensor) -> Tensor:
    products = torch.bmm(_input_tiles(x), _transformed_kernels(weight))
    images, height, width = x.shape[0], *x.shape[2:]
    high, wide = -(-height // 2), -(-width // 2)
    pixels = torch.mm(_of_a_tile(OUTPUT, x), products.flatten(1))
    # Rows and columns within a tile go beside those of the tiles.
    pixels = pixels.view(2, 2, images, high, wide, -1).permute(2, 3, 0, 4, 1, 5)
    pixels = pixels.reshape(images, 2 * high, 2 * wide, -1)[:, :height, :width]
    return pixels.contiguous().permute(0, 3, 1, 2)


def _weight_gradient(x: Tensor, gradient: Tensor) -> Tensor:
    height, width = gradient.shape[2:]
    padded = F.pad(gradient.permute(0, 2, 3, 1), (0, 0, 0, width % 2, 0, height % 2))
    tiles = padded.unflatten(2, (-1, 2)).unflatten(1, (-1, 2)).permute(2, 4, 0, 1, 3, 5)
    spread = torch.mm(_of_a_tile(OUTPUT, x).t(), tiles.reshape(4, -1)).view(16, -1, gradient.shape[1])
    of_kernels = torch.bmm(spread.transpose(1, 2), _input_tiles(x))  # (16, O, C)
    of_weight = torch.mm(_of_a_tile(KERNEL, x).t(), of_kernels.flatten(1))
    return of_weight.view(3, 3, *of_kernels.shape[1:]).permute(2, 3, 0, 1)


def _input_tiles(x: Tensor) -> Tensor:
    """What the products take of (N, C, H, W): (16, T, C)."""
    height, width = x.shape[2:]
    borders = (0, 0, 1, 1 + width % 2, 1, 1 + height % 2)
    padded = F.pad(x.permute(0, 2, 3, 1), borders)
    tiles = padded.unfold(1, 4, 2).unfold(2, 4, 2).permute(4, 5, 0, 1, 2, 3)  # (4, 4, N, th, tw, C)
    return torch.mm(_of_a_tile(INPUT, x), tiles.reshape(16, -1)).view(16, -1, x.shape[1])


def _transformed_kernels(weight: Tensor) -> Tensor:
    """Of (O, C, 3, 3): (16, C, O)."""
    kernels = torch.mm(_of_a_tile(KERNEL, weight), weight.permute(2, 3, 0, 1).reshape(9, -1))
    return kernels.view(16, *weight.shape[:2]).transpose(1, 2)


def _of_a_tile(transformation: tuple[tuple[float, ...], ...], like: Tensor) -> Tensor:
    once = like.new_tensor(transformation)
    return torch.kron(once, once)
