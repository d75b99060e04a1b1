"""Distances re-ranked with k-reciprocal encoding (Zhong et al., CVPR 2017), in blocks.

The re-ranked distance is (1 - lambda) * Jaccard distance of the encodings + lambda * original
distance, as in fast-reid. The Jaccard distance is computed on the non-zeros only.

Letters: Q query images, G gallery images, B queries in a block.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array

from mdpr.evaluation.distances.arrays import for_each, ragged_ranges
from mdpr.evaluation.distances.checks import FeatureRows
from mdpr.evaluation.distances.feature_distances import RetrievalFeatures
from mdpr.evaluation.distances.sources import DistanceSource
from mdpr.evaluation.reranking.k_reciprocal import encode
from mdpr.evaluation.reranking.neighbours import neighbours_and_distances

_ROWS_PER_BLOCK: Final = 32


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


class KReciprocalDistances:
    """Re-ranked distances from queries to the gallery (a `DistanceSource`), made on demand.

    Encode all images.

    Args:
        features: of the images.
        options: k1, k2 and lambda.
        device: where neighbours are searched and the original distances are computed.
    """

    def __init__(self, features: RetrievalFeatures, options: RerankOptions, *, device: str) -> None:
        images, num_query = features.images, features.num_query
        neighbours, distances = neighbours_and_distances(images, options.k1, device=device)
        encoding = encode(images, neighbours, distances, k1=options.k1, k2=options.k2)
        self._query_encoding = encoding[:num_query]
        # By column: which gallery images have weight on an image.
        self._inverted_gallery = encoding[num_query:].tocsc()
        self._original = features.distances(device)
        self._original_weight = options.original_weight
        self.num_query, self.num_gallery = self._original.num_query, self._original.num_gallery

    def rows(self, start: int, stop: int) -> torch.Tensor:
        """Compute rows ``start`` .. ``stop - 1``, (stop - start, G) float64."""
        jaccard = np.empty((stop - start, self.num_gallery))

        def fill(first: int) -> None:
            last = min(first + _ROWS_PER_BLOCK, stop)
            jaccard[first - start : last - start] = self._jaccard_distance(first, last)

        for_each(fill, range(start, stop, _ROWS_PER_BLOCK))
        block = self._original.rows(start, stop).mul_(self._original_weight)
        weight = 1 - self._original_weight
        return block.add_(torch.from_numpy(jaccard).to(block.device), alpha=weight)

    def _jaccard_distance(self, start: int, stop: int) -> NDArray[np.float64]:
        """Compute Jaccard distances of queries ``start`` .. ``stop - 1`` to the gallery.

        With weights that sum to 1, the union of two vectors is 2 - their intersection.
        """
        queries: csr_array = self._query_encoding[start:stop]
        inverted = self._inverted_gallery
        first = inverted.indptr[queries.indices]
        counts = inverted.indptr[queries.indices + 1] - first
        _, place = ragged_ranges(first, counts)
        first_cell = np.arange(stop - start) * self.num_gallery
        cells = np.repeat(np.repeat(first_cell, np.diff(queries.indptr)), counts)
        cells += inverted.indices[place]
        overlap = np.repeat(queries.data, counts)
        np.minimum(overlap, inverted.data[place], out=overlap)
        size = (stop - start) * self.num_gallery
        shared = np.bincount(cells, weights=overlap, minlength=size)
        shared = shared.astype(np.float64, copy=False)  # integers where there is no cell at all
        np.minimum(shared, 1.0, out=shared)
        np.divide(shared, 2.0 - shared, out=shared)
        return np.subtract(1.0, shared, out=shared).reshape(stop - start, self.num_gallery)


class RerankedDistances(KReciprocalDistances):
    """The same, for features that are not on the grid yet.

    Check features (Q, D) and (G, D) and encode all images.

    Raises:
        TypeError, ValueError: as `RetrievalFeatures.from_features`.
    """

    def __init__(
        self,
        query_features: FeatureRows,
        gallery_features: FeatureRows,
        *,
        metric: str = "cosine",
        options: RerankOptions | None = None,
        device: str = "cpu",
    ) -> None:
        features = RetrievalFeatures.from_features(query_features, gallery_features, metric)
        super().__init__(features, options or RerankOptions(), device=device)


def distance_source(
    features: RetrievalFeatures, rerank: RerankOptions | None, *, device: str = "cpu"
) -> DistanceSource:
    """Choose the distances that rank: plain ones, or re-ranked ones where there are options for it.

    Args:
        features: of the images.
        rerank: k1, k2 and lambda; None for plain distances.
        device: where they are computed.
    """
    if rerank is None:
        return features.distances(device)
    return KReciprocalDistances(features, rerank, device=device)
