"""Average query expansion, weighted by similarity (Chum et al., "Total Recall", ICCV 2007; the
weights similarity^alpha: Radenovic et al., "Fine-tuning CNN Image Retrieval with No Human
Annotation", TPAMI 2018).

Letters: N images (queries and gallery), D feature dimension.
"""

import logging
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mdpr.evaluation.distances.checks import (
    FeatureRows,
    as_feature_matrix,
    check_nonzero_rows,
    name_rows,
)
from mdpr.evaluation.distances.grid import to_grid
from mdpr.evaluation.distances.sources import ALL_ROWS, RowShare
from mdpr.evaluation.reranking.neighbours import nearest_neighbours

logger = logging.getLogger(__name__)

_ROWS_PER_BLOCK: Final = 512


@dataclass(frozen=True)
class QueryExpansionOptions:
    """How to expand.

    Attributes:
        alpha: power of the cosine similarity that weights a neighbour, >= 0.
        times: number of rounds, >= 0.
        k: neighbours averaged, the image itself included, >= 1.

    Raises:
        ValueError: a value outside its range.
    """

    alpha: float = 3.0
    times: int = 1
    k: int = 5

    def __post_init__(self) -> None:
        for name, least in (("alpha", 0), ("times", 0), ("k", 1)):
            if getattr(self, name) < least:
                raise ValueError(
                    f"query expansion: {name} must be at least {least}, got {getattr(self, name)}"
                )


def expand_features(
    features: FeatureRows,
    options: QueryExpansionOptions | None = None,
    *,
    device: str = "cpu",
    share: RowShare = ALL_ROWS,
) -> NDArray[np.float32]:
    """Replace every feature by the weighted mean of its nearest neighbours.

    The mean divides by the number of neighbours, not by the sum of the weights; a fractional
    ``alpha`` takes a negative similarity as 0 (its power is not a real number).

    Args:
        features: (N, D) floating point, queries and gallery together.
        options: alpha, rounds and neighbours.
        device: where neighbours are searched; it changes no result.
        share: images whose neighbours are searched here; all that share them get the whole.

    Returns:
        (N, D) float32.

    Raises:
        TypeError: features that are not floating point.
        ValueError: features that are empty, of wrong shape, not finite, or zero.
    """
    options = options or QueryExpansionOptions()
    expanded = as_feature_matrix(features, "features")
    for _ in range(options.times):
        expanded = _expand_once(expanded, options, device, share)
    return expanded


def _expand_once(
    features: NDArray[np.float32], options: QueryExpansionOptions, device: str, share: RowShare
) -> NDArray[np.float32]:
    unit = to_grid(features, normalise=True, device=device)
    check_nonzero_rows(unit.squared_norm, "features for query expansion")
    neighbours, distances = nearest_neighbours(unit, options.k, share)
    norm = unit.squared_norm.cpu().numpy()
    similarity = (norm[:, None] + norm[neighbours] - distances) / 2
    unlike = np.flatnonzero((similarity < 0).any(axis=1))
    if len(unlike) and not float(options.alpha).is_integer():
        similarity = np.maximum(similarity, 0.0)
        logger.warning(
            "query expansion: %d of %d images have neighbours of negative similarity, which "
            "get weight 0 (%s)",
            len(unlike),
            len(features),
            name_rows(unlike),
        )
    weights = similarity**options.alpha / neighbours.shape[1]
    expanded = np.empty_like(features)
    for start in range(0, len(features), _ROWS_PER_BLOCK):
        rows = slice(start, start + _ROWS_PER_BLOCK)
        expanded[rows] = np.einsum("nk,nkd->nd", weights[rows], features[neighbours[rows]])
    return expanded
