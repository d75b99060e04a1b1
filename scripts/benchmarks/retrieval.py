"""Synthetic retrieval problems of the sizes of the published data sets."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from mdpr.evaluation import RetrievalLabels
from numpy.typing import NDArray

_NUISANCE_DIRECTIONS: Final = 64
_DENSE_BYTES: Final = 8e9


@dataclass(frozen=True)
class Size:
    """Numbers of images, persons and cameras."""

    name: str
    num_query: int
    num_gallery: int
    num_people: int
    num_cameras: int

    @property
    def num_images(self) -> int:
        """Queries and gallery images together."""
        return self.num_query + self.num_gallery

    @property
    def fits_dense(self) -> bool:
        """Whether three dense N x N float32 matrices stay below 8 GB."""
        return 12 * self.num_images**2 < _DENSE_BYTES


DATASETS: Final = {
    "market": Size("Market-1501", 3368, 15913, 750, 6),
    "duke": Size("DukeMTMC-reID", 2228, 17661, 702, 8),
    "msmt17": Size("MSMT17", 11659, 82161, 3060, 15),
}
QUICK: Final = Size("quick", 100, 500, 60, 6)
# Queries and gallery grow together, as do the persons.
GROWTH: Final = [Size(f"growth x{n}", 500 * n, 4500 * n, 200 * n, 6) for n in (1, 2, 4, 8)]
QUICK_GROWTH: Final = [Size(f"growth x{n}", 50 * n, 450 * n, 20 * n, 6) for n in (1, 2, 4, 8)]


def synthetic_features(
    size: Size, dimension: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], RetrievalLabels]:
    """Draw features that score neither perfectly nor by chance: person + shared nuisance + noise.

    Returns:
        Query features (Q, D), gallery features (G, D) and their labels; the same at every call.
    """
    random = np.random.default_rng(0)
    people = random.standard_normal((size.num_people, dimension), dtype=np.float32)
    nuisance = random.standard_normal((_NUISANCE_DIRECTIONS, dimension), dtype=np.float32)
    labels = RetrievalLabels(
        random.integers(0, size.num_people, size.num_query),
        random.integers(0, size.num_cameras, size.num_query),
        random.integers(0, size.num_people, size.num_gallery),
        random.integers(0, size.num_cameras, size.num_gallery),
    )

    def features(person: NDArray[np.int64]) -> NDArray[np.float32]:
        amounts = random.standard_normal((len(person), _NUISANCE_DIRECTIONS), dtype=np.float32)
        noise = random.standard_normal((len(person), dimension), dtype=np.float32)
        noise += people[person]
        noise += 0.18 * amounts @ nuisance
        return noise

    return features(labels.query_person), features(labels.gallery_person), labels
