"""Distances from queries to the gallery, made in blocks of query rows.

A ranking never needs all distances at once. It reads them from a `DistanceSource`, which makes
a block of rows when asked; making a block again gives the same bits. The sources here are
features (`FeatureDistances`) and a matrix that is already there (`MatrixDistances`); re-ranking
adds a third.
"""

from collections.abc import Iterator
from typing import Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from mdpr.evaluation.checks import (
    as_feature_matrix,
    check_finite_rows,
    check_metric,
    check_nonzero_rows,
)
from mdpr.evaluation.grid import GridFeatures, to_grid

BLOCK_BYTES: Final = 64 * 2**20
_DOUBLE_GALLERY_BYTES: Final = 512 * 2**20
_GALLERY_CHUNK: Final = 8192


class DistanceSource(Protocol):
    """Q x G distances, made in blocks of rows."""

    @property
    def num_query(self) -> int:
        """Number of rows Q."""

    @property
    def num_gallery(self) -> int:
        """Number of columns G."""

    def rows(self, start: int, stop: int) -> torch.Tensor:
        """Make rows ``start`` .. ``stop - 1``.

        Returns:
            (stop - start, G) float64, finite. The caller may write into it; it holds until the
            next call, which may use the same memory again.
        """


def row_blocks(source: DistanceSource, block_rows: int | None) -> Iterator[tuple[int, int]]:
    """Cut the rows of a source into blocks.

    Args:
        source: where the rows are.
        block_rows: rows a block, >= 1; None for about 64 MiB a block.

    Yields:
        ``start, stop`` of each block.

    Raises:
        ValueError: ``block_rows`` below 1.
    """
    if block_rows is None:
        block_rows = max(1, BLOCK_BYTES // (8 * source.num_gallery))
    if block_rows < 1:
        raise ValueError(f"block_rows must be at least 1, got {block_rows}")
    for start in range(0, source.num_query, block_rows):
        yield start, min(start + block_rows, source.num_query)


def images_on_grid(
    query_features: torch.Tensor | NDArray[np.floating],
    gallery_features: torch.Tensor | NDArray[np.floating],
    metric: str,
) -> GridFeatures:
    """Check the features of Q queries and G gallery images and put them on the grid.

    Returns:
        Q + G vectors, the queries first; of norm 1 for cosine.

    Raises:
        TypeError: features that are not floating point.
        ValueError: an unknown metric, an empty set, shapes that do not fit, values that are not
            finite, or a zero vector under cosine.
    """
    check_metric(metric)
    query = as_feature_matrix(query_features, "query features")
    gallery = as_feature_matrix(gallery_features, "gallery features")
    if query.shape[1] != gallery.shape[1]:
        raise ValueError(
            f"query features have dimension {query.shape[1]}, gallery features "
            f"{gallery.shape[1]}; both must come from one model"
        )
    images = to_grid(query, gallery, normalise=metric == "cosine")
    if metric == "cosine":
        check_nonzero_rows(images.squared_norm[: len(query)], "query features")
        check_nonzero_rows(images.squared_norm[len(query) :], "gallery features")
    return images


class FeatureDistances:
    """Distances between features: 1 - cosine similarity, or squared Euclidean.

    The values do not depend on block size, thread count or device (see `grid`): equal features
    are at exactly equal distances.
    """

    def __init__(
        self, query: GridFeatures, gallery: GridFeatures, *, metric: str, device: str = "cpu"
    ) -> None:
        """Take features that lie on the grid already; see `from_features` for any others.

        Args:
            query: Q vectors; of norm 1 for cosine.
            gallery: G vectors of the same dimension D.
            metric: "cosine" or "euclidean".
            device: where the distances are computed; it needs float64.
        """
        self._metric = metric
        self._device = torch.device(device)
        self._query = query
        self._scale, self._squared_length = self._to_device(gallery)
        values = torch.from_numpy(gallery.values).to(self._device)
        fits = 8 * values.numel() <= _DOUBLE_GALLERY_BYTES
        self._gallery = values.double() if fits else values
        self._chunk = len(gallery) if fits else _GALLERY_CHUNK
        self._buffer = torch.empty(0, len(gallery), dtype=torch.float64, device=self._device)

    @classmethod
    def from_features(
        cls,
        query_features: torch.Tensor | NDArray[np.floating],
        gallery_features: torch.Tensor | NDArray[np.floating],
        *,
        metric: str = "cosine",
        device: str = "cpu",
    ) -> "FeatureDistances":
        """Check features, put them on the grid and take them.

        Args:
            query_features: (Q, D) floating point.
            gallery_features: (G, D) floating point.
            metric: "cosine" or "euclidean".
            device: where the distances are computed.

        Raises:
            TypeError: features that are not floating point.
            ValueError: an empty set, shapes that do not fit, values that are not finite, an
                unknown metric, or a zero vector under cosine.
        """
        images = images_on_grid(query_features, gallery_features, metric)
        query, gallery = images[: len(query_features)], images[len(query_features) :]
        return cls(query, gallery, metric=metric, device=device)

    @property
    def num_query(self) -> int:
        """Number of query vectors Q."""
        return len(self._query)

    @property
    def num_gallery(self) -> int:
        """Number of gallery vectors G."""
        return len(self._gallery)

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


class MatrixDistances:
    """Distances that are already there, as a (Q, G) matrix; it is read, never changed."""

    def __init__(self, distances: NDArray[np.floating]) -> None:
        """Take a matrix.

        Args:
            distances: (Q, G) floating point or integers, Q, G >= 1, finite.

        Raises:
            ValueError: another shape, an empty matrix, or values that are not finite.
        """
        if distances.ndim != 2 or distances.size == 0:
            raise ValueError(
                "distances: a matrix of shape (num_query, num_gallery), neither of them 0, "
                f"is needed, got shape {distances.shape}"
            )
        check_finite_rows(distances, "distances")
        self._distances = distances

    @property
    def num_query(self) -> int:
        """Number of rows Q."""
        return self._distances.shape[0]

    @property
    def num_gallery(self) -> int:
        """Number of columns G."""
        return self._distances.shape[1]

    def rows(self, start: int, stop: int) -> torch.Tensor:
        """Copy rows ``start`` .. ``stop - 1``, (stop - start, G) float64."""
        return torch.from_numpy(np.array(self._distances[start:stop], dtype=np.float64))
