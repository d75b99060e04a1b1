"""Features on a fixed grid, whose dot products are exact in double precision.

A plain float32 matrix product rounds differently with the shape of its blocks, the number of
threads and the device, so equal features need not tie and close ones may change places. Here each
feature vector is scaled to a norm <= 1 and its values are rounded to multiples of 2^-26. A
product of two such values is a multiple of 2^-52, and any partial sum of a dot product is at most
about 1 (Cauchy-Schwarz): 53 bits hold it exactly. Whatever the order of the additions, the
float64 result is the same, bit for bit. The rounding moves a cosine by about 4e-9, far less than
float32 arithmetic does (about 6e-8).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .checks import check_nonzero_rows

_STEPS_PER_UNIT: Final = 2.0**26
_ROWS_PER_BLOCK: Final = 2048


@dataclass(frozen=True, eq=False)
class GridFeatures:
    """N feature vectors ``values * scale[:, None]``.

    Attributes:
        values: (N, D) float32 multiples of 2^-26, each row of norm <= 1.
        scale: (N,) float64 powers of two, so that multiplying by them is exact as well.
        squared_norm: (N,) float64, exact squared norm of each row of ``values``.
    """

    values: NDArray[np.float32]
    scale: NDArray[np.float64]
    squared_norm: NDArray[np.float64]

    def __len__(self) -> int:
        """Return the number of vectors N."""
        return len(self.values)

    def __getitem__(self, rows: slice | NDArray[np.integer]) -> "GridFeatures":
        """Select rows."""
        return GridFeatures(self.values[rows], self.scale[rows], self.squared_norm[rows])


def to_grid(features: NDArray[np.float32], *, normalise: bool, name: str) -> GridFeatures:
    """Put features on the grid.

    Args:
        features: (N, D) finite float32.
        normalise: scale each row to norm 1 (for cosine); otherwise keep its length, the scale
            being the power of two just above its norm.
        name: what the features are, for the message.

    Returns:
        The features, equal to the input to about 2^-27 of each row's norm.

    Raises:
        ValueError: a row of norm zero where ``normalise`` is asked for.
    """
    norms = np.empty(len(features))
    values = np.empty_like(features)
    squared_norm = np.empty(len(features))
    scale = np.ones(len(features))
    for start in range(0, len(features), _ROWS_PER_BLOCK):
        rows = slice(start, start + _ROWS_PER_BLOCK)
        block = features[rows].astype(np.float64)
        norms[rows] = np.sqrt(np.einsum("nd,nd->n", block, block))
        if not normalise:
            scale[rows] = np.exp2(np.frexp(norms[rows])[1])
        divisor = norms[rows] if normalise else scale[rows]
        block /= np.where(divisor == 0, 1.0, divisor)[:, None]
        # float32 first: a float32 below 1/4 stays one when rounded to the grid, and one above
        # already lies on it, so the grid values fit float32 exactly.
        values[rows] = np.rint(block.astype(np.float32).astype(np.float64) * _STEPS_PER_UNIT)
        values[rows] /= np.float32(_STEPS_PER_UNIT)
        block = values[rows].astype(np.float64)
        squared_norm[rows] = np.einsum("nd,nd->n", block, block)
    if normalise:
        check_nonzero_rows(norms, name)
    return GridFeatures(values, scale, squared_norm)
