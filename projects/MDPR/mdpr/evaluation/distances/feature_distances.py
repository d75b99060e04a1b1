"""Distances between features: cosine or squared Euclidean, from queries to the gallery.

Letters: Q query images, G gallery images, D feature dimension.
"""

from dataclasses import dataclass
from typing import Final

import torch

from mdpr.evaluation.distances.checks import FeatureRows, as_feature_matrix, check_nonzero_rows
from mdpr.evaluation.distances.grid import GridFeatures, to_grid
from mdpr.evaluation.distances.sources import ALL_ROWS, RowShare

DISTANCE_METRICS: Final = ("cosine", "euclidean")
_DOUBLE_GALLERY_BYTES: Final = 512 * 2**20
_GALLERY_CHUNK: Final = 8192


@dataclass(frozen=True, eq=False)
class RetrievalFeatures:
    """Features of every query and gallery image, checked, on the grid: what all distances are made of."""

    images: GridFeatures  # Q + G vectors, the queries first; of norm 1 for cosine
    num_query: int  # Q
    metric: str  # "cosine" or "euclidean"
    share: RowShare  # of the queries, and of all images where neighbours are searched

    @classmethod
    def from_features(
        cls,
        query_features: FeatureRows,
        gallery_features: FeatureRows,
        metric: str = "cosine",
        *,
        device: str = "cpu",
        share: RowShare = ALL_ROWS,
    ) -> "RetrievalFeatures":
        """Check features (Q, D) and (G, D), put them on the grid, and bring them to ``device``.

        Raises:
            TypeError: features that are not floating point.
            ValueError: an unknown metric, an empty set, shapes that do not fit, values that are not
                finite, or a zero vector under cosine.
        """
        if metric not in DISTANCE_METRICS:
            raise ValueError(f"unknown metric {metric!r}: choose one of {', '.join(DISTANCE_METRICS)}")
        query = as_feature_matrix(query_features, "query features")
        gallery = as_feature_matrix(gallery_features, "gallery features")
        if query.shape[1] != gallery.shape[1]:
            raise ValueError(
                f"query features have dimension {query.shape[1]}, gallery features "
                f"{gallery.shape[1]}; both must come from one model"
            )
        images = to_grid(query, gallery, normalise=metric == "cosine", device=device)
        if metric == "cosine":
            check_nonzero_rows(images.squared_norm[: len(query)], "query features")
            check_nonzero_rows(images.squared_norm[len(query) :], "gallery features")
        return cls(images, len(query), metric, share)

    def distances(self) -> "FeatureDistances":
        """Make distances between them, on demand."""
        query, gallery = self.images[: self.num_query], self.images[self.num_query :]
        return FeatureDistances(query, gallery, self.metric, self.share)


class FeatureDistances:
    """Distances between features: 1 - cosine similarity, or squared Euclidean.

    The values do not depend on block size, thread count or device (see `grid`): equal features
    are at exactly equal distances.

    Args:
        query: Q vectors; of norm 1 for cosine.
        gallery: G vectors of the same dimension D on the same device, which needs float64.
        metric: "cosine" or "euclidean".
        share: queries of this process.
    """

    def __init__(
        self, query: GridFeatures, gallery: GridFeatures, metric: str, share: RowShare = ALL_ROWS
    ) -> None:
        self._metric, self.share = metric, share
        self._query, self._gallery = query, gallery
        self.num_query, self.num_gallery = len(query), len(gallery)
        values = gallery.values
        fits = 8 * values.numel() <= _DOUBLE_GALLERY_BYTES
        self._values = values.double() if fits else values
        self._chunk = len(gallery) if fits else _GALLERY_CHUNK
        self._buffer = gallery.scale.new_empty(0, len(gallery))

    def rows(self, start: int, stop: int) -> torch.Tensor:
        """Compute rows ``start`` .. ``stop - 1``, (stop - start, G) float64."""
        if len(self._buffer) < stop - start:
            # Fresh memory for every block would cost more than the matrix product.
            self._buffer = self._buffer.new_empty(stop - start, self.num_gallery)
        block = self._buffer[: stop - start]
        query, gallery = self._query[start:stop], self._gallery
        values = query.values.double()
        for first in range(0, self.num_gallery, self._chunk):
            chunk = self._values[first : first + self._chunk].double()
            torch.mm(values, chunk.T, out=block[:, first : first + self._chunk])
        if self._metric == "cosine":
            return block.neg_().add_(1.0)
        # Powers of two: these products are exact, so only the two additions round.
        block.mul_(gallery.scale * -2.0).mul_(query.scale[:, None])
        return block.add_(gallery.squared_length).add_(query.squared_length[:, None])
