"""What one query found, put together for the page of rank lists."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mdpr.evaluation.saved_files.rankings import SavedRankings


@dataclass(frozen=True)
class Found:
    """A gallery image in a ranking.

    Attributes:
        image: its index in the gallery.
        rank: from 1.
        is_match: whether it shows the query's person.
        distance: as saved.
        similarity: cosine, None where the distances are of another kind.
        probability: of one person at even odds, None where unknown.
    """

    image: int
    rank: int
    is_match: bool
    distance: float
    similarity: float | None
    probability: float | None


@dataclass(frozen=True)
class RankedRow:
    """A query's ranking: the nearest images, true matches behind them, number of matches not saved."""

    top: tuple[Found, ...]
    later: tuple[Found, ...]
    unseen: int


def ranked_row(
    rankings: SavedRankings, query: int, length: int, probability: Callable[[float], float] | None = None
) -> RankedRow:
    """Read a query's ranking, the first ``length`` images of which are the top.

    ``probability`` says from a cosine similarity how likely two images show one person.
    """
    found = []
    for place in range(np.count_nonzero(rankings.ranked[query] >= 0)):
        is_match, distance = bool(rankings.is_match[query, place]), float(rankings.distance[query, place])
        similarity = 1 - distance if rankings.measure == "cosine" else None
        likely = None if probability is None or similarity is None else probability(similarity)
        if place < length or is_match:
            image = int(rankings.ranked[query, place])
            found.append(Found(image, place + 1, is_match, distance, similarity, likely))
    unseen = int(rankings.num_matches[query]) - sum(one.is_match for one in found)
    return RankedRow(tuple(found[:length]), tuple(found[length:]), unseen)
