"""Similarities of all pairs of images, counted in blocks: no pair is sampled, no matrix of pairs is kept.

Letters: N images, D feature dimension, P identities.
"""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

# Similarities are told apart in steps of 2^-20, about the rounding of a long float32 product.
STEPS: Final = 2**20
_BLOCK: Final = 2048


class ImagePairs:
    """The unordered pairs of N images: those of different identities, and those of the same one.

    Two images of one identity by the same camera are no pair: the evaluation leaves them out too. Two
    identities are compared whatever the cameras.

    Args:
        features: (N, D) float32 of norm 1.
        identity: (N,) int64 in 0 .. P - 1.
        camera: (N,) integers; None where unknown: every two images of one identity are a pair then.
    """

    def __init__(
        self, features: NDArray[np.float32], identity: NDArray[np.int64], camera: NDArray[np.integer] | None
    ) -> None:
        self._features, self._identity = features, identity
        self._camera = np.arange(len(identity)) if camera is None else np.asarray(camera)

    def histograms(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Count similarities of different and of same identities, (2 * STEPS,) each.

        Entry i is for those from i / STEPS - 1 on; rounding beyond -1 or 1 counts at the ends.
        """
        different, same = np.zeros((2, 2 * STEPS), dtype=np.int64)
        for _, _, similarity, is_different, is_same in self._blocks():
            entry = np.floor(similarity * np.float32(STEPS)).astype(np.int32)
            entry = np.clip(entry + STEPS, 0, 2 * STEPS - 1)
            different += np.bincount(entry[is_different], minlength=len(different))
            same += np.bincount(entry[is_same], minlength=len(same))
        return different, same

    def matches(self, threshold: float) -> tuple[csr_array, NDArray[np.int64], NDArray[np.int64]]:
        """Count pairs by identity.

        Returns:
            (P, P) pairs of different identities at or above the threshold, each pair in one of its two
            places; (P,) pairs of the same identity at or above it; (P,) all pairs of the same identity.
        """
        count = int(self._identity.max()) + 1
        false_matches = csr_array((count, count), dtype=np.int64)
        true_matches, same = np.zeros((2, count), dtype=np.int64)
        for rows, columns, similarity, is_different, is_same in self._blocks():
            is_match = similarity >= threshold
            first, second = np.nonzero(is_match & is_different)
            places = (rows[first], columns[second])
            false_matches += coo_array((np.ones(len(first), np.int64), places), (count, count)).tocsr()
            true_matches += np.bincount(rows, (is_match & is_same).sum(axis=1), count).astype(np.int64)
            same += np.bincount(rows, is_same.sum(axis=1), count).astype(np.int64)
        return false_matches, true_matches, same

    def _blocks(self) -> Iterator[tuple[NDArray[Any], ...]]:
        """Identities of rows and of columns; similarity, whether different, whether the same, (R, C) each."""
        starts = range(0, len(self._features), _BLOCK)
        for start, first in ((one, two) for one in starts for two in starts if two >= one):
            rows, columns = slice(start, start + _BLOCK), slice(first, first + _BLOCK)
            similarity = self._features[rows] @ self._features[columns].T
            is_different = self._identity[rows, None] != self._identity[columns]
            is_same = ~is_different & (self._camera[rows, None] != self._camera[columns])
            if first == start:
                is_different, is_same = np.triu(is_different, 1), np.triu(is_same, 1)
            yield self._identity[rows], self._identity[columns], similarity, is_different, is_same
