"""Who is on which image, seen by which camera, and what follows for each query.

Letters: Q query images, G gallery images.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from mdpr.evaluation.distances.arrays import ragged_ranges


@dataclass(frozen=True, eq=False)
class SameIdentityPairs:
    """Pairs (query, gallery image of the same person) of a block of queries.

    Rows count from the start of the block; pairs are ordered by row, then by column.

    Attributes:
        match_rows, match_columns: (M,) int64, pairs that should be found.
        junk_rows, junk_columns: (J,) int64, pairs from the same camera, which are left out.
    """

    match_rows: NDArray[np.int64]
    match_columns: NDArray[np.int64]
    junk_rows: NDArray[np.int64]
    junk_columns: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class RetrievalLabels:
    """Person and camera of every query and gallery image.

    Attributes:
        query_person, query_camera: (Q,) integers, kept as int64.
        gallery_person, gallery_camera: (G,) integers.
        gallery_order: (G,) int64 gallery images by person, those of a person in the gallery's order.

    Raises:
        TypeError: labels that are not integers.
        ValueError: an empty set, or a person and a camera vector of different lengths.
    """

    query_person: NDArray[np.int64]
    query_camera: NDArray[np.int64]
    gallery_person: NDArray[np.int64]
    gallery_camera: NDArray[np.int64]
    gallery_order: NDArray[np.int64] = field(init=False, repr=False, compare=False)
    _sorted_person: NDArray[np.int64] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for part in ("query", "gallery"):
            person = _as_label_vector(getattr(self, f"{part}_person"), f"{part} person labels")
            camera = _as_label_vector(getattr(self, f"{part}_camera"), f"{part} camera labels")
            if len(person) != len(camera):
                raise ValueError(
                    f"{part} labels: {len(person)} person labels but {len(camera)} camera labels"
                )
            object.__setattr__(self, f"{part}_person", person)
            object.__setattr__(self, f"{part}_camera", camera)
        order = np.argsort(self.gallery_person, kind="stable")
        object.__setattr__(self, "gallery_order", order)
        object.__setattr__(self, "_sorted_person", self.gallery_person[order])

    @classmethod
    def split(cls, person: NDArray[np.int64], camera: NDArray[np.int64], num_query: int) -> "RetrievalLabels":
        """Build from labels (N,) of all images, the first ``num_query`` of which are the queries.

        Raises:
            TypeError, ValueError: as for the class.
        """
        return cls(person[:num_query], camera[:num_query], person[num_query:], camera[num_query:])

    @property
    def num_query(self) -> int:
        """Number of query images Q."""
        return len(self.query_person)

    @property
    def num_gallery(self) -> int:
        """Number of gallery images G."""
        return len(self.gallery_person)

    def pairs(self, start: int, stop: int) -> SameIdentityPairs:
        """Find the gallery images of the same person for queries ``start`` .. ``stop - 1``."""
        person = self.query_person[start:stop]
        first = np.searchsorted(self._sorted_person, person, side="left")
        last = np.searchsorted(self._sorted_person, person, side="right")
        rows, places = ragged_ranges(first, last - first)
        columns = self.gallery_order[places]
        same_camera = self.query_camera[start + rows] == self.gallery_camera[columns]
        return SameIdentityPairs(
            match_rows=rows[~same_camera],
            match_columns=columns[~same_camera],
            junk_rows=rows[same_camera],
            junk_columns=columns[same_camera],
        )

    def check_size(self, num_query: int, num_gallery: int) -> None:
        """Raise ValueError unless there are labels for exactly these many images."""
        if (num_query, num_gallery) != (self.num_query, self.num_gallery):
            raise ValueError(
                f"labels are for {self.num_query} query and {self.num_gallery} gallery images, "
                f"but there are {num_query} and {num_gallery} of them"
            )


def _as_label_vector(labels: torch.Tensor | NDArray[np.integer], name: str) -> NDArray[np.int64]:
    """Bring labels to one form: (N,) int64 on the CPU."""
    array = labels.detach().cpu().numpy() if isinstance(labels, torch.Tensor) else labels
    array = np.asarray(array)
    if array.ndim != 1:
        raise ValueError(f"{name}: shape (N,) is needed, got {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name}: empty, there is nothing to evaluate")
    if not np.issubdtype(array.dtype, np.integer):
        raise TypeError(f"{name}: integers are needed, got dtype {array.dtype}")
    return array.astype(np.int64, copy=False)
