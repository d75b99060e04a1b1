"""3x3 convolutions with 4 multiplications where the definition has 9, with kernels transformed beforehand.

See `mdpr.kernels.winograd_tiles` for the algorithm.

N images, C input and O output channels, th x tw tiles.
"""

import torch
from torch import Tensor, nn

from mdpr.kernels.winograd_tiles import KERNEL_TRANSFORM, input_tiles, output_pixels

LEAST_CHANNELS = 256  # from here on faster than the CPU's own kernels, as measured with AVX-512
# Transformed input at a time: so much that it stays in the cache, unless that is too few tiles for the
# products to be worth reading the kernels; then as much as may be.
CACHED_BYTES = 8 * 2**20
LEAST_TILES = 200
TILE_BYTES = 256 * 2**20


class WinogradConvolution(nn.Module):
    """A 3x3 convolution of stride 1 and padding 1, for inference in float32.

    Args:
        convolution: 3x3, stride 1, padding 1, neither groups nor dilation; see `use_winograd`.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        weight = convolution.weight.detach().double()
        transform = weight.new_tensor(KERNEL_TRANSFORM)
        kernels = torch.einsum("ai,bj,ocij->abco", transform, transform, weight).flatten(0, 1)
        # (16, C, O): 16 / 9 of the memory of the weight.
        self.kernels = nn.Parameter(kernels.to(convolution.weight.dtype), requires_grad=False)
        self.bias = convolution.bias

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, O, H, W), in channels-last memory."""
        pixels = x.permute(0, 2, 3, 1)
        parts = [self._convolved(part) for part in pixels.split(_images_at_a_time(x))]
        result = parts[0] if len(parts) == 1 else torch.cat(parts)
        return result.permute(0, 3, 1, 2)

    def _convolved(self, pixels: Tensor) -> Tensor:
        """(N, H, W, C) to (N, H, W, O)."""
        height, width = pixels.shape[1:3]
        tiles = input_tiles(pixels)
        products = torch.bmm(tiles.flatten(0, 1).flatten(1, 3), self.kernels)
        result = output_pixels(products.view(4, 4, *tiles.shape[2:5], -1))
        if self.bias is not None:
            result += self.bias
        return result[:, :height, :width] if height % 2 or width % 2 else result


def use_winograd(module: nn.Module) -> None:
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


def _images_at_a_time(x: Tensor) -> int:
    tiles_an_image = -(-x.shape[2] // 2) * -(-x.shape[3] // 2)
    bytes_an_image = 16 * tiles_an_image * x.shape[1] * x.itemsize
    cached = CACHED_BYTES // bytes_an_image
    return max(
        1, cached if cached * tiles_an_image >= LEAST_TILES else TILE_BYTES // bytes_an_image
    )
