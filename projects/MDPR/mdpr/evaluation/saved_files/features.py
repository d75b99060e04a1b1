"""Features of a data set in one file, an ``.npz`` with the arrays of `SavedFeatures`, and their scores
without the model that made them.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mdpr.evaluation.distances.checks import as_feature_matrix
from mdpr.evaluation.distances.feature_distances import RetrievalFeatures
from mdpr.evaluation.ranking.labels import RetrievalLabels
from mdpr.evaluation.ranking.ranking import RankingOptions, rank
from mdpr.evaluation.reranking.reranking import RerankOptions, distance_source
from mdpr.evaluation.saved_files.archives import Layout, check_layout, read_record, write_record
from mdpr.files import write_atomically

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
        as_feature_matrix(self.features, "array 'features'")
        for part, chosen in (("query", self.is_query), ("gallery", ~self.is_query)):
            if not chosen.any():
                raise ValueError(
                    f"array 'is_query': none of the {len(self.features)} images is a {part} image"
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
    return write_record(file, saved, _LAYOUT)


def load_features(file: str | Path) -> SavedFeatures:
    """Read features that `save_features` (or anyone else) has written.

    Raises:
        FileNotFoundError, TypeError, ValueError: as `read_record`.
    """
    return read_record(file, SavedFeatures, _LAYOUT)


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
    features = RetrievalFeatures.from_features(query, gallery, metric, device=device)
    return rank(distance_source(features, rerank), saved.labels, options).percentages()


def evaluate_file(
    file: str | Path,
    *,
    metric: str = "cosine",
    rerank: RerankOptions | None = None,
    options: RankingOptions | None = None,
    device: str = "cpu",
    json_file: str | Path | None = None,
) -> dict[str, float]:
    """Score what `load_features` reads as `score_saved_features` does, and write it to ``json_file`` too.

    Raises:
        OSError: a file that cannot be read or written.
        TypeError, ValueError: as `load_features` and `score_saved_features`.
    """
    scores = score_saved_features(
        load_features(file), metric=metric, rerank=rerank, options=options, device=device
    )
    if json_file is not None:
        with write_atomically(json_file) as stream:
            stream.write(json.dumps(scores, indent=2) + "\n")
    return scores
