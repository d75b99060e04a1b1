"""Distances between features: cosine or squared Euclidean, from queries to the gallery.

Letters: Q query images, G gallery images, D feature dimension.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from mdpr.evaluation.distances.checks import FeatureRows, as_feature_matrix, check_nonzero_rows
from mdpr.evaluation.distances.grid import GridFeatures, to_grid

DISTANCE_METRICS: Final = ("cosine", "euclidean")
_DOUBLE_GALLERY_BYTES: Final = 512 * 2**20
_GALLERY_CHUNK: Final = 8192


@dataclass(frozen=True, eq=False)
class RetrievalFeatures:
    """Features of every query and gallery image, checked, on the grid: what all distances are made of."""

    images: GridFeatures  # Q + G vectors, the queries first; of norm 1 for cosine
    num_query: int  # Q
    metric: str  # "cosine" or "euclidean"

    @classmethod
    def from_features(
        cls, query_features: FeatureRows, gallery_features: FeatureRows, metric: str
    ) -> "RetrievalFeatures":
        """Check features (Q, D) and (G, D) and put them on the grid.

        Raises:
            TypeError: features that are not floating point.
            ValueError: an unknown metric, an empty set, shapes that do not fit, values that are not
                finite, or a zero vector under cosine.
        """
        return cls.from_checked(
            as_feature_matrix(query_features, "query features"),
            as_feature_matrix(gallery_features, "gallery features"),
            metric,
        )

    @classmethod
    def from_checked(
        cls, query: NDArray[np.float32], gallery: NDArray[np.float32], metric: str
    ) -> "RetrievalFeatures":
        """Put features (Q, D) and (G, D) that `as_feature_matrix` let through on the grid.

        Raises:
            ValueError: an unknown metric, shapes that do not fit, or a zero vector under cosine.
        """
        if metric not in DISTANCE_METRICS:
            raise ValueError(f"unknown metric {metric!r}: choose one of {', '.join(DISTANCE_METRICS)}")
        if query.shape[1] != gallery.shape[1]:
            raise ValueError(
                f"query features have dimension {query.shape[1]}, gallery features "
                f"{gallery.shape[1]}; both must come from one model"
            )
        images = to_grid(query, gallery, normalise=metric == "cosine")
        features = cls(images, len(query), metric)
        if metric == "cosine":
            check_nonzero_rows(features.query.squared_norm, "query features")
            check_nonzero_rows(features.gallery.squared_norm, "gallery features")
        return features

    @property
    def query(self) -> GridFeatures:
        """The Q query vectors."""
        return self.images[: self.num_query]

    @property
    def gallery(self) -> GridFeatures:
        """The G gallery vectors."""
        return self.images[self.num_query :]

    def distances(self, device: str) -> "FeatureDistances":
        """Make distances between them, on demand and on ``device``."""
        return FeatureDistances(self.query, self.gallery, metric=self.metric, device=device)


class FeatureDistances:
    """Distances between features: 1 - cosine similarity, or squared Euclidean.

    The values do not depend on block size, thread count or device (see `grid`): equal features
    are at exactly equal distances.

    Take features that lie on the grid already; see `from_features` for any others.

    Args:
        query: Q vectors; of norm 1 for cosine.
        gallery: G vectors of the same dimension D.
        metric: "cosine" or "euclidean".
        device: where the distances are computed; it needs float64.
    """

    def __init__(
        self, query: GridFeatures, gallery: GridFeatures, *, metric: str, device: str = "cpu"
    ) -> None:
        self._metric = metric
        self._device = torch.device(device)
        self._query = query
        self.num_query, self.num_gallery = len(query), len(gallery)
        self._scale, self._squared_length = self._to_device(gallery)
        values = torch.from_numpy(gallery.values).to(self._device)
        fits = 8 * values.numel() <= _DOUBLE_GALLERY_BYTES
        self._gallery = values.double() if fits else values
        self._chunk = len(gallery) if fits else _GALLERY_CHUNK
        self._buffer = torch.empty(0, len(gallery), dtype=torch.float64, device=self._device)

    @staticmethod
    def from_features(
        query_features: FeatureRows,
        gallery_features: FeatureRows,
        *,
        metric: str = "cosine",
        device: str = "cpu",
    ) -> "FeatureDistances":
        """Check features (Q, D) and (G, D), put them on the grid and take them.

        Raises:
            TypeError, ValueError: as `RetrievalFeatures.from_features`.
        """
        features = RetrievalFeatures.from_features(query_features, gallery_features, metric)
        return features.distances(device)

    def rows(self, start: int, stop: int) -> torch.Tensor:
        """Compute rows ``start`` .. ``stop - 1``, (stop - start, G) float64."""
        if len(self._buffer) < stop - start:
            # Fresh memory for every block would cost more than the matrix product.
            self._buffer = self._buffer.new_empty(stop - start, self.num_gallery)
        block = self._buffer[: stop - start]
        query = self._query[start:stop]
        values = torch.from_numpy(query.values).to(self._device, torch.float64)
        for first in range(0, self.num_gallery, self._chunk):
            chunk = self._gallery[first : first + self._chunk].to(torch.float64)
            torch.mm(values, chunk.T, out=block[:, first : first + self._chunk])
        if self._metric == "cosine":
            return block.neg_().add_(1.0)
        scale, squared_length = self._to_device(query)
        # Powers of two: these products are exact, so only the two additions round.
        block.mul_(self._scale * -2.0).mul_(scale[:, None])
        return block.add_(self._squared_length).add_(squared_length[:, None])

    def _to_device(self, features: GridFeatures) -> tuple[torch.Tensor, torch.Tensor]:
        return (
            torch.from_numpy(features.scale).to(self._device),
            torch.from_numpy(features.squared_length).to(self._device),
        )
