"""Convolutions as matrix products, where that is the faster way on a CPU.

A convolution of a map of 16 x 8 or 6 x 3 pixels has too few pixels a row for the CPU's convolution
kernels, above all for the gradient of its weights; one large matrix product over all pixels of the batch
has not. In channels-last memory a 1x1 convolution is such a product as it stands; for a larger kernel see
`mdpr.kernels.gathered_convolution` and, with fewer multiplications, `mdpr.kernels.winograd_convolution`.
On other devices, and elsewhere, this is ``torch.nn.Conv2d``.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mdpr.kernels.gathered_convolution import Gathers, convolve_gathered
from mdpr.kernels.winograd_convolution import convolve_winograd, winograd_pays


class ProductConvolution(nn.Conv2d):
    """``torch.nn.Conv2d`` that takes the faster of two ways; weights and results are the same."""

    uses_winograd: ClassVar[bool] = False

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, O, h, w)."""
        if self.kernel_size == (1, 1) and self.padding == (0, 0) and self.groups == 1:
            return pointwise(x, self.weight, self.bias, self.stride)
        if not _multiplies(x) or not self._is_simple():
            return super().forward(x)
        weight, device = self.weight, x.device.type
        if torch.is_autocast_enabled(device):
            dtype = torch.get_autocast_dtype(device)
            x, weight = x.to(dtype), weight.to(dtype)
        if self.uses_winograd and self._is_winograds() and winograd_pays(x, weight):
            return self._with_bias(convolve_winograd(x, weight))
        gathers = Gathers.for_shapes(x, weight)
        if not (gathers.everything or gathers.weight_gradient):
            return super().forward(x)
        result = convolve_gathered(x, weight, self.stride[0], int(self.padding[0]), gathers)
        return self._with_bias(result)

    def _with_bias(self, result: Tensor) -> Tensor:
        return result if self.bias is None else result + self.bias.to(result.dtype)[:, None, None]

    def _is_winograds(self) -> bool:
        return self.stride == self.padding == (1, 1)

    def _is_simple(self) -> bool:
        """Whether rows and columns are treated alike, without groups and other rarities."""
        if isinstance(self.padding, str):
            return False
        pairs = (self.kernel_size, self.stride, self.padding)
        plain = self.groups == 1 and self.padding_mode == "zeros" and self.dilation == (1, 1)
        return plain and all(pair[0] == pair[1] for pair in pairs)


class Convolution(ProductConvolution):
    """`ProductConvolution` that has a third way, for wide 3x3 kernels in float32."""

    uses_winograd = True


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
    # Contiguous, or a product of its own would be made for each row, each with a copy of the weights.
    pixels = x[:, :, :: stride[0], :: stride[1]].permute(0, 2, 3, 1).contiguous()
    # By this way back the gradient gets the strides of channels-last memory, which the weight has.
    kernel = weight.permute(0, 2, 3, 1).flatten(1)
    return F.linear(pixels, kernel, bias).permute(0, 3, 1, 2)


def _multiplies(x: Tensor) -> bool:
    """Whether products may take the place of convolutions: exported graphs keep their convolutions."""
    exporting = getattr(torch.compiler, "is_exporting", bool)()  # since PyTorch 2.7
    return x.device.type == "cpu" and not (exporting or torch.jit.is_tracing())
