"""Distances re-ranked with k-reciprocal encoding (Zhong et al., CVPR 2017), in blocks.

The re-ranked distance is (1 - lambda) * Jaccard distance of the encodings + lambda * original
distance, as in fast-reid. The Jaccard distance is computed on the non-zeros only.

Letters: Q query images, G gallery images, B queries in a block.
"""

from dataclasses import dataclass

import torch

from mdpr.evaluation.distances.feature_distances import RetrievalFeatures
from mdpr.evaluation.distances.sources import DistanceSource
from mdpr.evaluation.reranking.jaccard import JaccardDistances
from mdpr.evaluation.reranking.k_reciprocal import encode
from mdpr.evaluation.reranking.neighbours import nearest_neighbours


@dataclass(frozen=True)
class RerankOptions:
    """How to re-rank.

    Attributes:
        k1: size of the neighbourhoods, >= 1.
        k2: neighbours averaged in local query expansion, >= 1; 1 switches it off.
        original_weight: lambda, weight of the original distance in [0, 1].

    Raises:
        ValueError: a value outside its range.
    """

    k1: int = 20
    k2: int = 6
    original_weight: float = 0.3

    def __post_init__(self) -> None:
        for name, value in (("k1", self.k1), ("k2", self.k2)):
            if value < 1:
                raise ValueError(f"re-ranking: {name} must be at least 1, got {value}")
        if not 0 <= self.original_weight <= 1:
            raise ValueError(f"re-ranking: lambda must lie in [0, 1], got {self.original_weight}")


class RerankedDistances:
    """Re-ranked distances from queries to the gallery (a `DistanceSource`), made on demand.

    Encode all images. Processes share the search for neighbours; the encoding needs all of these and
    little time, so each makes the whole.

    Args:
        features: of the images.
        options: k1, k2 and lambda.
    """

    def __init__(self, features: RetrievalFeatures, *, options: RerankOptions | None = None) -> None:
        options = options or RerankOptions()
        images, self.share = features.images, features.share
        neighbours, distances = nearest_neighbours(images, options.k1, self.share)
        encoding = encode(images, neighbours, distances, k1=options.k1, k2=options.k2)
        self._jaccard = JaccardDistances(encoding, features.num_query, images.values.device)
        self._original = features.distances()
        self._original_weight = options.original_weight
        self.num_query, self.num_gallery = self._original.num_query, self._original.num_gallery

    def rows(self, start: int, stop: int) -> torch.Tensor:
        """Compute rows ``start`` .. ``stop - 1``, (stop - start, G) float64."""
        block = self._original.rows(start, stop).mul_(self._original_weight)
        self._jaccard.add_to(block, start, 1 - self._original_weight)
        return block


def distance_source(features: RetrievalFeatures, rerank: RerankOptions | None) -> DistanceSource:
    """Choose the distances that rank: plain ones, or re-ranked ones where there are options for it."""
    if rerank is None:
        return features.distances()
    return RerankedDistances(features, options=rerank)
