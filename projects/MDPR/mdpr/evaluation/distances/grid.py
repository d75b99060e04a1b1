"""Features on a fixed grid, whose dot products are exact in double precision.

A plain float32 matrix product rounds differently with the shape of its blocks, the number of
threads and the device, so equal features need not tie and close ones may change places. Here each
feature vector is scaled to a norm <= 1 and its values are rounded to multiples of 2^-26. A
product of two such values is a multiple of 2^-52, and any partial sum of a dot product is at most
about 1 (Cauchy-Schwarz): 53 bits hold it exactly. Whatever the order of the additions, the
float64 result is the same, bit for bit. The rounding moves a cosine by about 4e-9, far less than
float32 arithmetic does (about 6e-8).

The norm that scales a vector does round with the order of additions: vectors are put on the grid by
the CPU, wherever they are used then. It is one pass over them.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from mdpr.evaluation.distances.arrays import for_each

_STEPS_PER_UNIT: Final = 2.0**26
_ROWS_PER_BLOCK: Final = 512
# Few enough to stay in the cache.
_BYTES_OF_PAIRS: Final = 2**17
_PAIRS_PER_THREAD: Final = 16384
_BYTES_ON_GPU: Final = 2**27


@dataclass(frozen=True, eq=False)
class GridFeatures:
    """N feature vectors ``values * scale[:, None]``, on the device where everything is computed with them."""

    values: torch.Tensor  # (N, D) float32 multiples of 2^-26, each row of norm <= 1
    scale: torch.Tensor  # (N,) float64 powers of two, so that multiplying by them is exact as well
    squared_norm: torch.Tensor  # (N,) float64, exact squared norm of each row of ``values``

    def __len__(self) -> int:
        """Return the number of vectors N."""
        return len(self.values)

    def __getitem__(self, rows: slice | torch.Tensor) -> "GridFeatures":
        """Select rows."""
        return GridFeatures(self.values[rows], self.scale[rows], self.squared_norm[rows])

    @property
    def squared_length(self) -> torch.Tensor:
        """Squared norms of the vectors themselves, (N,)."""
        return self.squared_norm * self.scale**2


def to_grid(*parts: NDArray[np.float32], normalise: bool, device: str = "cpu") -> GridFeatures:
    """Put features on the grid.

    Args:
        parts: (N1, D), (N2, D), ... finite float32, which are put one after the other.
        normalise: scale each row to norm 1 (for cosine; a row of zeros stays as it is);
            otherwise keep its length, the scale being the power of two just above its norm.
        device: where they are to be.

    Returns:
        The N1 + N2 + ... features, equal to the input to about 2^-27 of each row's norm.
    """
    num_rows, dimension = sum(map(len, parts)), parts[0].shape[1]
    values = np.empty((num_rows, dimension), dtype=np.float32)
    scale, squared_norm = np.ones(num_rows), np.empty(num_rows)
    first_row = 0
    for part in parts:

        def fill(start: int, part: NDArray[np.float32] = part, first_row: int = first_row) -> None:
            block = part[start : start + _ROWS_PER_BLOCK]
            rows = slice(first_row + start, first_row + start + len(block))
            values[rows], scale[rows], squared_norm[rows] = _on_grid(block, normalise=normalise)

        for_each(fill, range(0, len(part), _ROWS_PER_BLOCK))
        first_row += len(part)
    return GridFeatures(*(torch.from_numpy(array).to(device) for array in (values, scale, squared_norm)))


def _on_grid(features: NDArray[np.float32], *, normalise: bool) -> tuple[NDArray[np.float64] | float, ...]:
    """Values, scale and squared norm of a block of features."""
    block = features.astype(np.float64)
    norm = np.sqrt(np.einsum("nd,nd->n", block, block))
    scale = 1.0 if normalise else np.exp2(np.frexp(norm)[1])
    divisor = norm if normalise else scale
    block /= np.where(divisor == 0, 1.0, divisor)[:, None]
    # float32 first: a float32 below 1/4 stays one when rounded to the grid, and one above
    # already lies on it, so the grid values fit float32 exactly.
    block = np.rint(block.astype(np.float32).astype(np.float64) * _STEPS_PER_UNIT)
    block /= _STEPS_PER_UNIT
    return block, scale, np.einsum("nd,nd->n", block, block)


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
    scale, squared_length = features.scale, features.squared_length
    left, right = torch.from_numpy(rows).to(scale.device), torch.from_numpy(columns).to(scale.device)
    if features.values.is_cuda:
        products = _products_on_gpu(features.values, left, right)
    else:
        products = torch.from_numpy(_products(features.values.numpy(), rows, columns))
    products *= -2.0 * scale[left] * scale[right]
    return (products + squared_length[right] + squared_length[left]).cpu().numpy()


def _products_on_gpu(values: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    size = max(1, _BYTES_ON_GPU // (8 * values.shape[1]))
    parts = [
        torch.linalg.vecdot(values[left].double(), values[right].double())
        for left, right in zip(rows.split(size), columns.split(size), strict=True)
    ]
    return torch.cat(parts)


def _products(
    values: NDArray[np.float32], rows: NDArray[np.integer], columns: NDArray[np.integer]
) -> NDArray[np.float64]:
    products = np.empty(len(rows))
    block = max(16, _BYTES_OF_PAIRS // (4 * values.shape[1]))

    def multiply(first: int) -> None:
        for start in range(first, min(first + _PAIRS_PER_THREAD, len(rows)), block):
            pairs = slice(start, start + block)
            left, right = values[rows[pairs]], values[columns[pairs]]
            products[pairs] = np.einsum("pd,pd->p", left, right, dtype=np.float64)

    for_each(multiply, range(0, len(rows), _PAIRS_PER_THREAD))
    return products
