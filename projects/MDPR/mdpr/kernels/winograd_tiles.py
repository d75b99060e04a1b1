"""The sums of Winograd's 3x3 convolution.

Winograd's minimal filtering F(2x2, 3x3), after Lavin and Gray, "Fast Algorithms for Convolutional Neural
Networks" (CVPR 2016), section 4.1: each tile of 2 x 2 output pixels comes from 4 x 4 input pixels by sums,
one product for each of 16 places, and sums again: 4 multiplications where the definition has 9. Results are
the convolution's (stride 1, padding 1) up to rounding.

N images, C channels, th x tw tiles.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

KERNEL_TRANSFORM = ((1.0, 0.0, 0.0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0.0, 0.0, 1.0))
"""What the 4 rows (or columns) of a transformed kernel are made of the kernel's 3."""


def input_tiles(pixels: Tensor) -> Tensor:
    """What the products take.

    Args:
        pixels: (N, H, W, C).

    Returns:
        (4, 4, N, th, tw, C): the places of a tile, and the tiles.
    """
    images, height, width, channels = pixels.shape
    high, wide = -(-height // 2), -(-width // 2)
    borders = (0, 0, 1, 1 + width % 2, 1, 1 + height % 2)
    padded = F.pad(pixels, borders)
    rows = pixels.new_empty(4, images, high, 2 * wide + 2, channels)
    _transform_input(_overlapping(padded, 1), rows.unbind(0))
    tiles = pixels.new_empty(4, 4, images, high, wide, channels)
    _transform_input(_overlapping(rows, 3), tiles.unbind(1))
    return tiles


def _overlapping(x: Tensor, dim: int) -> list[Tensor]:
    """The first, second, third and fourth of every four pixels along ``dim``, which start at every second."""
    count = x.shape[dim] // 2 - 1
    step = [slice(None)] * x.dim()
    views = []
    for first in range(4):
        step[dim] = slice(first, first + 2 * count, 2)
        views.append(x[tuple(step)])
    return views


def _transform_input(four: Sequence[Tensor], out: Sequence[Tensor]) -> None:
    torch.sub(four[0], four[2], out=out[0])
    torch.add(four[1], four[2], out=out[1])
    torch.sub(four[2], four[1], out=out[2])
    torch.sub(four[1], four[3], out=out[3])


def output_pixels(products: Tensor) -> Tensor:
    """What the products give.

    Args:
        products: (4, 4, N, th, tw, C).

    Returns:
        (N, 2 * th, 2 * tw, C).
    """
    _, _, images, high, wide, channels = products.shape
    rows = products.new_empty(2, *products.shape[1:])
    _transform_output(products.unbind(0), rows.unbind(0))
    result = products.new_empty(images, high, 2, wide, 2, channels)
    # (2, N, th, tw, O): rows of a tile first, as they are in ``rows``.
    first, second = (result[:, :, :, :, column].permute(2, 0, 1, 3, 4) for column in (0, 1))
    _transform_output(rows.unbind(1), (first, second))
    return result.view(images, 2 * high, 2 * wide, channels)


def _transform_output(four: Sequence[Tensor], out: Sequence[Tensor]) -> None:
    torch.add(four[1], four[2], out=out[0])
    out[0].add_(four[0])
    torch.sub(four[1], four[2], out=out[1])
    out[1].sub_(four[3])


def spread_output(gradient: Tensor) -> Tensor:
    """The adjoint of `output_pixels`: what the products' gradients are.

    Args:
        gradient: (N, H, W, C), of the convolution's result.

    Returns:
        (4, 4, N, th, tw, C).
    """
    images, height, width, channels = gradient.shape
    if height % 2 or width % 2:
        gradient = F.pad(gradient, (0, 0, 0, width % 2, 0, height % 2))
    tiles = gradient.reshape(images, -(-height // 2), 2, -(-width // 2), 2, channels)
    high, wide = tiles.shape[1], tiles.shape[3]
    rows = gradient.new_empty(4, images, high, wide, 2, channels)
    _spread(tiles.unbind(2), rows.unbind(0))
    result = gradient.new_empty(4, 4, images, high, wide, channels)
    _spread(rows.unbind(4), result.unbind(1))
    return result


def _spread(two: Sequence[Tensor], out: Sequence[Tensor]) -> None:
    out[0].copy_(two[0])
    torch.add(two[0], two[1], out=out[1])
    torch.sub(two[0], two[1], out=out[2])
    torch.neg(two[1], out=out[3])
