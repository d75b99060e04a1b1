"""What one query found, put together for the page of rank lists."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mdpr.evaluation.saved_files.rankings import SavedRankings


@dataclass(frozen=True)
class Found:
    """A gallery image in a ranking.

    Attributes:
        rank: from 1.
        is_match: whether it shows the query's person.
        person, camera: as the data set numbers them.
        path: "" where unknown.
        distance: as saved.
        similarity: cosine, None where the distances are of another kind.
        probability: of one person at even odds, None where unknown.
    """

    rank: int
    is_match: bool
    person: int
    camera: int
    path: str
    distance: float
    similarity: float | None
    probability: float | None


@dataclass(frozen=True)
class RankedRow:
    """A query's ranking: its head, and the true matches behind that.

    Attributes:
        average_precision: in [0, 1], NaN where the query does not count.
        num_matches: gallery images that it should find.
        first_match: rank of the first of them, from 1; 0 without one.
        top: the nearest images.
        later: true matches behind them, as far as the ranking was saved.
        unseen: true matches that lie behind what was saved.
        saved: how many images that is.
    """

    average_precision: float
    num_matches: int
    first_match: int
    top: tuple[Found, ...]
    later: tuple[Found, ...]
    unseen: int
    saved: int


def ranked_row(
    rankings: SavedRankings, query: int, length: int, probability: Callable[[float], float] | None = None
) -> RankedRow:
    """Read one query's ranking.

    Args:
        rankings: all of them.
        query: index of the query.
        length: images of the head.
        probability: from a cosine similarity; None where unknown.
    """
    found = [
        _found(rankings, query, place, probability)
        for place in range(np.count_nonzero(rankings.ranked[query] >= 0))
        if place < length or rankings.is_match[query, place]
    ]
    return RankedRow(
        average_precision=float(rankings.average_precision[query]),
        num_matches=int(rankings.num_matches[query]),
        first_match=int(rankings.first_match_rank[query]) + 1,
        top=tuple(found[:length]),
        later=tuple(found[length:]),
        unseen=int(rankings.num_matches[query]) - sum(image.is_match for image in found),
        saved=rankings.ranked.shape[1],
    )


def _found(
    rankings: SavedRankings, query: int, place: int, probability: Callable[[float], float] | None
) -> Found:
    image, distance = int(rankings.ranked[query, place]), float(rankings.distance[query, place])
    similarity = 1 - distance if rankings.measure == "cosine" else None
    return Found(
        rank=place + 1,
        is_match=bool(rankings.is_match[query, place]),
        person=int(rankings.gallery_person[image]),
        camera=int(rankings.gallery_camera[image]),
        path=str(rankings.gallery_path[image]),
        distance=distance,
        similarity=similarity,
        probability=None if probability is None or similarity is None else probability(similarity),
    )
