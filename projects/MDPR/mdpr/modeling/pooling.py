"""Generalized-mean pooling, in a precision that its powers survive."""

from fastreid.layers.pooling import GeneralizedMeanPoolingP
from torch import Tensor

from mdpr.modeling.precision import at_least_float32


class GeneralizedMeanPooling(GeneralizedMeanPoolingP):
    """fast-reid's ``GeneralizedMeanPoolingP`` over the whole map: ``mean(max(x, eps) ** p) ** (1 / p)``.

    The exponent p is learned and starts at 3. Source: Radenovic et al., Fine-tuning CNN Image Retrieval with
    No Human Annotation (TPAMI 2019), eq. 4.
    """

    def forward(self, x: Tensor) -> Tensor:
        """
        Args:
            x: (B, C, h, w) in any floating-point type.

        Returns:
            (B, C, 1, 1) in float32, or in float64 where x is.
        """
        return super().forward(at_least_float32(x))
