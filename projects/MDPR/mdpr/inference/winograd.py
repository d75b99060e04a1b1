"""3x3 convolutions with 4 multiplications where the definition has 9.

Winograd's minimal filtering F(2x2, 3x3), after Lavin and Gray, "Fast Algorithms for Convolutional Neural
Networks" (CVPR 2016), section 4.1: each tile of 2 x 2 output pixels comes from 4 x 4 input pixels by sums,
one product for each of 16 places, and sums again. Worth it where channels are many, so that the products
outweigh the sums. Results are the convolution's up to float32 rounding.

N images, C input and O output channels, th x tw tiles.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["WinogradConvolution", "take_winograd"]

LEAST_CHANNELS = 512  # from here on faster than the CPU's own kernels, as measured with AVX-512
TILE_BYTES = 256 * 2**20  # of transformed input at a time

# What a tile's 4 rows (or columns) of a kernel are made of its 3.
_KERNEL_TRANSFORM = ((1.0, 0.0, 0.0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0.0, 0.0, 1.0))


class WinogradConvolution(nn.Module):
    """A 3x3 convolution of stride 1 and padding 1, for inference in float32."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        """
        Args:
            convolution: 3x3, stride 1, padding 1, neither groups nor dilation; see `take_winograd`.
        """
        super().__init__()
        weight = convolution.weight.detach().double()
        transform = weight.new_tensor(_KERNEL_TRANSFORM)
        kernels = torch.einsum("ai,bj,ocij->abco", transform, transform, weight).flatten(0, 1)
        # (16, C, O): 16 / 9 of the memory of the weight.
        self.kernels = nn.Parameter(kernels.to(convolution.weight.dtype), requires_grad=False)
        self.bias = convolution.bias

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, O, H, W), in channels-last memory."""
        pixels = x.permute(0, 2, 3, 1)
        tiles_an_image = -(-x.shape[2] // 2) * -(-x.shape[3] // 2)
        step = max(1, TILE_BYTES // (16 * tiles_an_image * x.shape[1] * x.itemsize))
        parts = [self._convolved(part) for part in pixels.split(step)]
        result = parts[0] if len(parts) == 1 else torch.cat(parts)
        return result.permute(0, 3, 1, 2)

    def _convolved(self, pixels: Tensor) -> Tensor:
        """(N, H, W, C) to (N, H, W, O)."""
        height, width = pixels.shape[1:3]
        tiles = _input_tiles(pixels)
        products = torch.bmm(tiles.flatten(0, 1).flatten(1, 3), self.kernels)
        result = _output_pixels(products.view(4, 4, *tiles.shape[2:5], -1))
        if self.bias is not None:
            result += self.bias
        return result[:, :height, :width] if height % 2 or width % 2 else result


def take_winograd(module: nn.Module) -> None:
    """Replace the wide 3x3 convolutions within ``module``, in place.

    Args:
        module: in float32, on a CPU; it can no longer be trained.
    """
    for part in list(module.modules()):
        for name, child in list(part.named_children()):
            if isinstance(child, nn.Conv2d) and _pays(child):
                setattr(part, name, WinogradConvolution(child))


def _pays(convolution: nn.Conv2d) -> bool:
    plain = (
        convolution.kernel_size == (3, 3)
        and convolution.stride == convolution.dilation == (1, 1)
        and convolution.padding == (1, 1)
        and convolution.padding_mode == "zeros"
        and convolution.groups == 1
    )
    return plain and min(convolution.in_channels, convolution.out_channels) >= LEAST_CHANNELS


def _input_tiles(pixels: Tensor) -> Tensor:
    """(N, H, W, C) to (4, 4, N, th, tw, C): the places of a tile, and the tiles."""
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


def _output_pixels(products: Tensor) -> Tensor:
    """(4, 4, N, th, tw, O) to (N, 2 * th, 2 * tw, O)."""
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
