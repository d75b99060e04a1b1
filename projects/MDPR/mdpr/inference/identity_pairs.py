"""Similarities of all pairs of images, counted in blocks: no pair is sampled, and no matrix of them is kept.

Letters: N images, D feature dimension, P identities.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

# Similarities are told apart in steps of 2^-20, about the rounding of a float32 product of long vectors.
STEPS: Final = 2**20
_BLOCK: Final = 2048


class ImagePairs:
    """The unordered pairs of N images: those of different identities, and those of the same one.

    Two images of one identity by the same camera are no pair, as in the evaluation, where a gallery image of
    the query's person and camera is left out. Two identities are compared whatever the cameras.

    Args:
        features: (N, D) float32 of norm 1.
        identity: (N,) int64 in 0 .. P - 1.
        camera: (N,) int64; None where unknown: then every two images of one identity are a pair.
    """

    def __init__(
        self,
        features: NDArray[np.float32],
        identity: NDArray[np.int64],
        camera: NDArray[np.int64] | None,
    ) -> None:
        self._features, self._identity = features, identity
        self._camera = np.arange(len(identity)) if camera is None else camera
        self.num_identities = int(identity.max()) + 1

    def histograms(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Count similarities: (2 * STEPS,) each of different and of same identities.

        Entry i counts those in [i / STEPS - 1, (i + 1) / STEPS - 1); what rounding puts beyond -1 or 1 is
        counted at the ends.
        """
        different, same = np.zeros((2, 2 * STEPS), dtype=np.int64)
        for similarity, is_different, is_same, _, _ in self._blocks():
            entry = np.floor(similarity * np.float32(STEPS)).astype(np.int32)
            entry = np.clip(entry + STEPS, 0, 2 * STEPS - 1)
            different += np.bincount(entry[is_different], minlength=len(different))
            same += np.bincount(entry[is_same], minlength=len(same))
        return different, same

    def matches(self, threshold: float) -> tuple[csr_array, NDArray[np.int64], NDArray[np.int64]]:
        """Count the pairs of each identity, or two, that are at or above a threshold.

        Returns:
            (P, P) pairs of different identities at or above it, each pair in one of its two places; (P,)
            pairs of the same identity at or above it; (P,) all pairs of the same identity.
        """
        shape = (self.num_identities, self.num_identities)
        false_matches = csr_array(shape, dtype=np.int64)
        true_matches, same = np.zeros((2, self.num_identities), dtype=np.int64)
        for similarity, is_different, is_same, rows, columns in self._blocks():
            is_match = similarity >= threshold
            first, second = np.nonzero(is_match & is_different)
            places = (rows[first], columns[second])
            false_matches += coo_array((np.ones(len(first), dtype=np.int64), places), shape=shape).tocsr()
            true_matches += np.bincount(rows[np.nonzero(is_match & is_same)[0]], minlength=len(same))
            same += np.bincount(rows[np.nonzero(is_same)[0]], minlength=len(same))
        return false_matches, true_matches, same

    def _blocks(self) -> Iterator[tuple[NDArray, NDArray, NDArray, NDArray, NDArray]]:
        """Similarity, whether different, whether same, (R, C) each, and identities of rows and columns."""
        starts = range(0, len(self._features), _BLOCK)
        for start, first in ((one, two) for one in starts for two in starts if two >= one):
            rows, columns = slice(start, start + _BLOCK), slice(first, first + _BLOCK)
            similarity = self._features[rows] @ self._features[columns].T
            is_different = self._identity[rows, None] != self._identity[columns]
            is_same = ~is_different & (self._camera[rows, None] != self._camera[columns])
            if first == start:
                once = np.triu(np.ones(similarity.shape, dtype=np.bool_), 1)
                is_different, is_same = is_different & once, is_same & once
            yield similarity, is_different, is_same, self._identity[rows], self._identity[columns]
