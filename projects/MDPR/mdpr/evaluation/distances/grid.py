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

from mdpr.evaluation.distances.arrays import for_each

_STEPS_PER_UNIT: Final = 2.0**26
_ROWS_PER_BLOCK: Final = 512
# Few enough to stay in the cache.
_BYTES_OF_PAIRS: Final = 2**17
_PAIRS_PER_THREAD: Final = 16384


@dataclass(frozen=True, eq=False)
class GridFeatures:
    """N feature vectors ``values * scale[:, None]``."""

    values: NDArray[np.float32]  # (N, D) float32 multiples of 2^-26, each row of norm <= 1
    scale: NDArray[np.float64]  # (N,) float64 powers of two, so that multiplying by them is exact as well
    squared_norm: NDArray[np.float64]  # (N,) float64, exact squared norm of each row of ``values``

    def __len__(self) -> int:
        """Return the number of vectors N."""
        return len(self.values)

    def __getitem__(self, rows: slice | NDArray[np.integer]) -> "GridFeatures":
        """Select rows."""
        return GridFeatures(self.values[rows], self.scale[rows], self.squared_norm[rows])

    @property
    def squared_length(self) -> NDArray[np.float64]:
        """Squared norms of the vectors themselves, (N,)."""
        return self.squared_norm * self.scale**2


def to_grid(*parts: NDArray[np.float32], normalise: bool) -> GridFeatures:
    """Put features on the grid.

    Args:
        parts: (N1, D), (N2, D), ... finite float32, which are put one after the other.
        normalise: scale each row to norm 1 (for cosine; a row of zeros stays as it is);
            otherwise keep its length, the scale being the power of two just above its norm.

    Returns:
        The N1 + N2 + ... features, equal to the input to about 2^-27 of each row's norm.
    """
    num_rows, dimension = sum(map(len, parts)), parts[0].shape[1]
    grid = GridFeatures(
        values=np.empty((num_rows, dimension), dtype=np.float32),
        scale=np.ones(num_rows),
        squared_norm=np.empty(num_rows),
    )
    first_row = 0
    for part in parts:
        rows = grid[first_row : first_row + len(part)]

        def fill(start: int, part: NDArray[np.float32] = part, rows: GridFeatures = rows) -> None:
            block = slice(start, start + _ROWS_PER_BLOCK)
            _fill(rows[block], part[block], normalise=normalise)

        for_each(fill, range(0, len(part), _ROWS_PER_BLOCK))
        first_row += len(part)
    return grid


def _fill(grid: GridFeatures, features: NDArray[np.float32], *, normalise: bool) -> None:
    """Write a block of features into ``grid``, whose arrays are views."""
    block = features.astype(np.float64)
    norm = np.sqrt(np.einsum("nd,nd->n", block, block))
    if not normalise:
        grid.scale[:] = np.exp2(np.frexp(norm)[1])
    divisor = norm if normalise else grid.scale
    block /= np.where(divisor == 0, 1.0, divisor)[:, None]
    # float32 first: a float32 below 1/4 stays one when rounded to the grid, and one above
    # already lies on it, so the grid values fit float32 exactly.
    block = np.rint(block.astype(np.float32).astype(np.float64) * _STEPS_PER_UNIT)
    block /= _STEPS_PER_UNIT
    grid.values[:] = block
    grid.squared_norm[:] = np.einsum("nd,nd->n", block, block)


def squared_distances(
    features: GridFeatures, rows: NDArray[np.integer], columns: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Compute squared Euclidean distances of some pairs of vectors.

    Args:
        features: N vectors.
        rows, columns: (P,) indices of the vectors of each pair.

    Returns:
        (P,) float64, from exact dot products.
    """
    products = np.empty(len(rows))
    block = max(16, _BYTES_OF_PAIRS // (4 * features.values.shape[1]))

    def multiply(first: int) -> None:
        for start in range(first, min(first + _PAIRS_PER_THREAD, len(rows)), block):
            pairs = slice(start, start + block)
            left, right = features.values[rows[pairs]], features.values[columns[pairs]]
            products[pairs] = np.einsum("pd,pd->p", left, right, dtype=np.float64)

    for_each(multiply, range(0, len(rows), _PAIRS_PER_THREAD))
    scale, squared_length = features.scale, features.squared_length
    products *= -2.0 * scale[rows] * scale[columns]
    return products + squared_length[columns] + squared_length[rows]
