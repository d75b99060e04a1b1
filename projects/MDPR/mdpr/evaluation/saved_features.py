"""Features of a data set in one file, and their scores without the model that made them.

The file is an ``.npz`` with ``features`` (N, D) float32, ``person`` (N,) int64, ``camera`` (N,)
int64 and ``is_query`` (N,) bool.
"""

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mdpr.evaluation.checks import check_finite_rows
from mdpr.evaluation.distances import DistanceSource, FeatureDistances
from mdpr.evaluation.labels import RetrievalLabels
from mdpr.evaluation.ranking import rank
from mdpr.evaluation.rerank import RerankedDistances, RerankOptions

# Array: dtype, shape.
_LAYOUT: Final = {
    "features": (np.float32, "(N, D)"),
    "person": (np.int64, "(N,)"),
    "camera": (np.int64, "(N,)"),
    "is_query": (np.bool_, "(N,)"),
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
        num_images = len(self.features) if self.features.ndim else 0
        for name, (dtype, shape) in _LAYOUT.items():
            array: NDArray[np.generic] = getattr(self, name)
            if array.dtype != dtype:
                raise TypeError(
                    f"array '{name}': dtype {np.dtype(dtype)} is needed, got {array.dtype}"
                )
            if array.ndim != shape.count(",") + (name == "features"):
                raise ValueError(f"array '{name}': shape {shape} is needed, got {array.shape}")
            if len(array) != num_images:
                raise ValueError(
                    f"array '{name}': {len(array)} entries for {num_images} rows of 'features'"
                )
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


def save_features(file: Path, saved: SavedFeatures) -> None:
    """Write features to ``file``; a reader sees the whole file or the one before.

    Raises:
        OSError: the folder does not exist or cannot be written to.
    """
    file = Path(file)
    # In the same folder, so that the replacement is one step of the file system.
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as stream:
            np.savez(stream, **{name: getattr(saved, name) for name in _LAYOUT})
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def load_features(file: Path) -> SavedFeatures:
    """Read features that `save_features` (or anyone else) has written.

    Raises:
        FileNotFoundError: there is no such file.
        TypeError: an array of another dtype.
        ValueError: not an ``.npz`` file, an array that is missing, or what `SavedFeatures`
            refuses. The message names the file and the array.
    """
    file = Path(file)
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file")
    try:
        archive = np.load(file, allow_pickle=False)
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{file}: not a readable .npz file ({error})") from error
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise ValueError(f"{file}: one bare array, but an .npz file with several is needed")  # noqa: TRY004
    with archive:
        missing = [name for name in _LAYOUT if name not in archive.files]
        if missing:
            raise ValueError(
                f"{file}: no array {', '.join(map(repr, missing))}; the file has "
                f"{', '.join(map(repr, archive.files)) or 'none'}"
            )
        try:
            return SavedFeatures(**{name: _read_array(archive, name) for name in _LAYOUT})
        except (TypeError, ValueError) as error:
            raise type(error)(f"{file}: {error}") from error


def _read_array(archive: np.lib.npyio.NpzFile, name: str) -> NDArray[Any]:
    try:
        return archive[name]
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"array '{name}': cannot be read ({error})") from error


def score_saved_features(
    saved: SavedFeatures,
    *,
    metric: str = "cosine",
    rerank: RerankOptions | None = None,
    device: str = "cpu",
) -> dict[str, float]:
    """Score features.

    Args:
        saved: features and labels.
        metric: "cosine" or "euclidean".
        rerank: re-rank with these options; None for no re-ranking.
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
    return rank(source, saved.labels).percentages()
