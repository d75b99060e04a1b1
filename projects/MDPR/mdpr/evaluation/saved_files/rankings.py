"""What each query found, as a file for later reports.

The file is an ``.npz`` with the arrays of `SavedRankings` under the names of its fields.

Letters: Q query images, G gallery images, K images kept of each ranking.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mdpr.evaluation.ranking.labels import RetrievalLabels
from mdpr.evaluation.ranking.scores import RankingResult
from mdpr.evaluation.saved_files.archives import Layout, check_layout, read_record, write_record

_LAYOUT: Final[Layout] = {
    "ranked": (np.int64, "QK"),
    "distance": (np.float64, "QK"),
    "is_match": (np.bool_, "QK"),
    "average_precision": (np.float64, "Q"),
    "inverse_negative_penalty": (np.float64, "Q"),
    "num_matches": (np.int64, "Q"),
    "first_match_rank": (np.int64, "Q"),
    "query_person": (np.int64, "Q"),
    "query_camera": (np.int64, "Q"),
    "query_path": (np.str_, "Q"),
    "gallery_person": (np.int64, "G"),
    "gallery_camera": (np.int64, "G"),
    "gallery_path": (np.str_, "G"),
    "measure": (np.str_, ""),
}
_OF_RESULT: Final = ("average_precision", "inverse_negative_penalty", "num_matches", "first_match_rank")


@dataclass(frozen=True, eq=False)
class SavedRankings:
    """Rankings of Q queries.

    Attributes:
        ranked: (Q, K) int64 gallery images, nearest first, without those that the protocol leaves out
            for the query; -1 where there are fewer than K.
        distance: (Q, K) float64 their distances, NaN where there is no image.
        is_match: (Q, K) bool, whether they show the query's person.
        average_precision: (Q,) float64 in [0, 1], NaN for a query without a match in the gallery.
        inverse_negative_penalty: (Q,) float64 in [0, 1], NaN likewise.
        num_matches: (Q,) int64 number of gallery images that the query should find.
        first_match_rank: (Q,) int64 rank (from 0) of the first match, -1 without a match.
        query_person, query_camera: (Q,) int64.
        query_path: (Q,) str image files, "" where unknown.
        gallery_person, gallery_camera, gallery_path: (G,) likewise.
        measure: () str, what the distances are: "cosine" (1 - similarity), "euclidean" (squared), another
            text where they were made from these; "" in files of versions that did not say.

    Raises:
        TypeError: an array of another dtype.
        ValueError: an array of wrong shape, or a gallery image that does not exist.
    """

    ranked: NDArray[np.int64]
    distance: NDArray[np.float64]
    is_match: NDArray[np.bool_]
    average_precision: NDArray[np.float64]
    inverse_negative_penalty: NDArray[np.float64]
    num_matches: NDArray[np.int64]
    first_match_rank: NDArray[np.int64]
    query_person: NDArray[np.int64]
    query_camera: NDArray[np.int64]
    query_path: NDArray[np.str_]
    gallery_person: NDArray[np.int64]
    gallery_camera: NDArray[np.int64]
    gallery_path: NDArray[np.str_]
    measure: NDArray[np.str_] = field(default_factory=lambda: np.array(""))

    def __post_init__(self) -> None:
        check_layout({name: getattr(self, name) for name in _LAYOUT}, _LAYOUT)
        num_gallery = len(self.gallery_person)
        if self.ranked.size and not -1 <= np.min(self.ranked) <= np.max(self.ranked) < num_gallery:
            raise ValueError(
                f"array 'ranked': gallery images are 0 to {num_gallery - 1} or -1, got "
                f"{np.min(self.ranked)} to {np.max(self.ranked)}"
            )

    @classmethod
    def of(
        cls,
        result: RankingResult,
        labels: RetrievalLabels,
        paths: Sequence[str] | None = None,
        measure: str = "",
    ) -> "SavedRankings":
        """Put together what a ranking found.

        Args:
            result: with its nearest gallery images (``RankingOptions.top_k``).
            labels: of the images.
            paths: of all images, queries first; None where unknown.
            measure: of the distances; "" where unknown.

        Raises:
            ValueError: a result without its nearest images, or another number of paths.
        """
        if result.top_columns is None or result.top_distances is None:
            raise ValueError("the ranking was made without nearest images (top_k 0)")
        num_images = labels.num_query + labels.num_gallery
        files = np.array([""] * num_images if paths is None else list(paths), dtype=np.str_)
        if len(files) != num_images:
            raise ValueError(f"{len(files)} paths for {num_images} images")
        ranked = result.top_columns
        same = labels.gallery_person[ranked] == labels.query_person[:, None]
        return cls(
            ranked=ranked,
            distance=result.top_distances,
            is_match=same & (ranked >= 0),
            **{name: getattr(result, name) for name in _OF_RESULT},
            query_person=labels.query_person,
            query_camera=labels.query_camera,
            query_path=files[: labels.num_query],
            gallery_person=labels.gallery_person,
            gallery_camera=labels.gallery_camera,
            gallery_path=files[labels.num_query :],
            measure=np.array(measure),
        )


def save_rankings(file: str | Path, saved: SavedRankings) -> Path:
    """Write rankings to ``file``; a reader sees the whole file or the one before.

    Raises:
        OSError: the folder cannot be written to.
    """
    return write_record(file, saved, _LAYOUT)


def load_rankings(file: str | Path) -> SavedRankings:
    """Read rankings that `save_rankings` has written.

    Raises:
        FileNotFoundError, TypeError, ValueError: as `read_record`.
    """
    return read_record(file, SavedRankings, _LAYOUT, optional=("measure",))
