"""The classic CUHK03 protocol: a gallery with one random image per person (Li et al., CVPR 2014).

For every query and draw, one image of each person is chosen among those that the query's camera
did not take of its own person. The draws of a query depend on the seed and its index alone, so
that block size and order do not matter.
"""

import numpy as np
from numpy.typing import NDArray

from mdpr.evaluation.ranking.labels import RetrievalLabels, SameIdentityPairs


class SingleShotDraws:
    """Random galleries with one image per person.

    Group the gallery by person.

    Args:
        labels: of the images.
        seed: >= 0; the same seed draws the same galleries.
        repeats: galleries drawn for each query.
    """

    def __init__(self, labels: RetrievalLabels, *, seed: int, repeats: int) -> None:
        self._seed = seed
        self._repeats = repeats
        self._query_person = labels.query_person
        self._order = labels.gallery_order
        self._people, self._first, self._size = np.unique(
            labels.gallery_person[self._order], return_index=True, return_counts=True
        )

    def match_ranks(
        self, start: int, block: NDArray[np.float64], pairs: SameIdentityPairs
    ) -> list[NDArray[np.int64]]:
        """Rank the match in each drawn gallery.

        Returns:
            (repeats,) ranks from 0, for every query of the block with a match.
        """
        found = []
        bounds = np.searchsorted(pairs.match_rows, np.arange(len(block) + 1))
        for row in np.unique(pairs.match_rows).tolist():
            matches = pairs.match_columns[bounds[row] : bounds[row + 1]]
            drawn, own = self._draw(start + row, matches)
            distances = block[row][drawn]
            match, match_column = distances[:, own, None], drawn[:, own, None]
            nearer = (distances < match) | ((distances == match) & (drawn < match_column))
            found.append(np.count_nonzero(nearer, axis=1))
        return found

    def _draw(self, query: int, matches: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
        """Draw galleries for one query with matches (m,), in gallery order.

        One number u in [0, 1) is drawn for each gallery and person (persons ascending); the
        image is the one at floor(u * n) among the person's n images in gallery order.

        Returns:
            (repeats, I) gallery columns of the I persons in ascending order, and the place of
            the query's own person among them.
        """
        random = np.random.default_rng([self._seed, query])
        u = random.random((self._repeats, len(self._people)))
        drawn = self._order[self._first + (u * self._size).astype(np.int64)]
        own = int(np.searchsorted(self._people, self._query_person[query]))
        drawn[:, own] = matches[(u[:, own] * len(matches)).astype(np.int64)]
        return drawn, own
