"""Neighbour feature centralization: NFC (Yuan et al., "From Poses to Identity: Training-Free Person
Re-Identification via Feature Centralization", CVPR 2025).

With unit features f, and N_k(i) the k nearest neighbours of image i without itself:

    f'_i = f_i + sum of f_j over all j in N_k1(i) with i in N_k2(j)

Letters: N images (queries and gallery), D feature dimension.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mdpr.evaluation.distances.checks import FeatureRows, as_feature_matrix, check_nonzero_rows
from mdpr.evaluation.distances.grid import to_grid
from mdpr.evaluation.distances.sources import ALL_ROWS, RowShare
from mdpr.evaluation.reranking.neighbours import nearest_neighbours

_ROWS_PER_BLOCK: Final = 512


@dataclass(frozen=True)
class CentralizationOptions:
    """Which neighbours count.

    Attributes:
        k1: neighbours that are looked at, >= 1.
        k2: among how many of its own each of them has to have the image, >= 1.

    Raises:
        ValueError: a value outside its range.
    """

    k1: int = 2
    k2: int = 2

    def __post_init__(self) -> None:
        for name in ("k1", "k2"):
            if getattr(self, name) < 1:
                raise ValueError(f"centralization: {name} must be at least 1, got {getattr(self, name)}")


def centralize_features(
    features: FeatureRows,
    options: CentralizationOptions | None = None,
    *,
    device: str = "cpu",
    share: RowShare = ALL_ROWS,
) -> NDArray[np.float32]:
    """Add to every feature those of its mutual neighbours.

    Args:
        features: (N, D) floating point, queries and gallery together; their lengths do not count.
        options: k1 and k2.
        device: where neighbours are searched; it changes no result.
        share: images whose neighbours are searched here; all that share them get the whole.

    Returns:
        (N, D) float32, un-normalised.

    Raises:
        TypeError: features that are not floating point.
        ValueError: features that are empty, of wrong shape, not finite, or zero.
    """
    options = options or CentralizationOptions()
    grid = to_grid(as_feature_matrix(features, "features"), normalise=True, device=device)
    check_nonzero_rows(grid.squared_norm, "features for centralization")
    neighbours, _ = nearest_neighbours(grid, max(options.k1, options.k2) + 1, share)
    near, back = neighbours[:, 1 : options.k1 + 1], neighbours[:, 1 : options.k2 + 1]
    unit = grid.values.cpu().numpy()
    centralized = unit.copy()
    for start in range(0, len(unit), _ROWS_PER_BLOCK):
        rows = slice(start, start + _ROWS_PER_BLOCK)
        image = np.arange(len(unit))[rows, None, None]
        is_mutual = (back[near[rows]] == image).any(axis=2).astype(np.float32)
        centralized[rows] += np.einsum("nk,nkd->nd", is_mutual, unit[near[rows]])
    return centralized
