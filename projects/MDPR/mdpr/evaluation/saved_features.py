"""Features of a data set in one file, and their scores without the model that made them.

The file is an ``.npz`` with ``features`` (N, D) float32, ``person`` (N,) int64, ``camera`` (N,)
int64 and ``is_query`` (N,) bool.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mdpr.evaluation.archives import Layout, check_layout, read_arrays, write_arrays
from mdpr.evaluation.checks import check_finite_rows
from mdpr.evaluation.distances import DistanceSource, FeatureDistances
from mdpr.evaluation.labels import RetrievalLabels
from mdpr.evaluation.ranking import RankingOptions, rank
from mdpr.evaluation.rerank import RerankedDistances, RerankOptions

_LAYOUT: Final[Layout] = {
    "features": (np.float32, "ND"),
    "person": (np.int64, "N"),
    "camera": (np.int64, "N"),
    "is_query": (np.bool_, "N"),
}


@dataclass(frozen=True, eq=False)
class SavedFeatures:
    """Features of N images with their labels.

    Attributes:
        features: (N, D) float32, finite.
        person: (N,) int64.
        camera: (N,) int64.
        is_query: (N,) bool, true for queries, false for gallery images; both occur.

    Raises:
        TypeError: an array of another dtype.
        ValueError: arrays of wrong shape or different lengths, features that are not finite, no
            query or no gallery image.
    """

    features: NDArray[np.float32]
    person: NDArray[np.int64]
    camera: NDArray[np.int64]
    is_query: NDArray[np.bool_]

    def __post_init__(self) -> None:
        check_layout({name: getattr(self, name) for name in _LAYOUT}, _LAYOUT)
        num_images = len(self.features)
        check_finite_rows(self.features, "array 'features'")
        for part, count in (
            ("query", np.count_nonzero(self.is_query)),
            ("gallery", np.count_nonzero(~self.is_query)),
        ):
            if count == 0:
                raise ValueError(
                    f"array 'is_query': none of the {num_images} images is a {part} image"
                )

    @property
    def query_features(self) -> NDArray[np.float32]:
        """Features of the Q queries, (Q, D)."""
        return self.features[self.is_query]

    @property
    def gallery_features(self) -> NDArray[np.float32]:
        """Features of the G gallery images, (G, D)."""
        return self.features[~self.is_query]

    @property
    def labels(self) -> RetrievalLabels:
        """Labels of queries and gallery."""
        query, gallery = self.is_query, ~self.is_query
        return RetrievalLabels(
            self.person[query], self.camera[query], self.person[gallery], self.camera[gallery]
        )


def save_features(file: str | Path, saved: SavedFeatures) -> Path:
    """Write features to ``file``; a reader sees the whole file or the one before.

    Raises:
        OSError: the folder cannot be written to.
    """
    return write_arrays(file, {name: getattr(saved, name) for name in _LAYOUT})


def load_features(file: str | Path) -> SavedFeatures:
    """Read features that `save_features` (or anyone else) has written.

    Raises:
        FileNotFoundError: there is no such file.
        TypeError: an array of another dtype.
        ValueError: not an ``.npz`` file, an array that is missing, or what `SavedFeatures`
            refuses. The message names the file and the array.
    """
    arrays = read_arrays(file, _LAYOUT)
    try:
        return SavedFeatures(**arrays)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{file}: {error}") from error


def score_saved_features(
    saved: SavedFeatures,
    *,
    metric: str = "cosine",
    rerank: RerankOptions | None = None,
    options: RankingOptions | None = None,
    device: str = "cpu",
) -> dict[str, float]:
    """Score features.

    Args:
        saved: features and labels.
        metric: "cosine" or "euclidean".
        rerank: re-rank with these options; None for no re-ranking.
        options: protocol and sizes.
        device: where distances are computed.

    Returns:
        "Rank-1", "Rank-5", "Rank-10", "mAP" and "mINP" in percent.

    Raises:
        ValueError: an unknown metric, a zero vector under cosine, or no query with a match.
    """
    query, gallery = saved.query_features, saved.gallery_features
    source: DistanceSource
    if rerank is None:
        source = FeatureDistances.from_features(query, gallery, metric=metric, device=device)
    else:
        source = RerankedDistances(query, gallery, metric=metric, options=rerank, device=device)
    return rank(source, saved.labels, options).percentages()
