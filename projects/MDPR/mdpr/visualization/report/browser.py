"""All queries of all sets as data for the page's script, which shows those that its reader asks for."""

import math
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from PIL import Image

from mdpr.data.images import ImageReadError, read_rgb
from mdpr.evaluation.saved_files.rankings import SavedRankings
from mdpr.visualization.rank_lists import found_file
from mdpr.visualization.ranked_rows import Found, ranked_row
from mdpr.visualization.report.comparison import RankedSet
from mdpr.visualization.report.thumbnails import Thumbnails, make_thumbnails

_LENGTH = 10  # images shown of each ranking


def browser_data(sets: Sequence[RankedSet], numbers: dict[str, int]) -> list[dict[str, Any]]:
    """Every query of every set, in lists where names would take most of the space.

    Args:
        sets: what was ranked.
        numbers: of the thumbnail of each path; those that are missing are put in, the most important first:
            of the queries with the lowest average precision.
    """
    return [_set_data(ranked, numbers) for ranked in sets]


def thumbnails_of(paths: Iterable[str], images: str | Path | None, budget: int) -> Thumbnails:
    """Pictures of the paths that `browser_data` has numbered, in no more than ``budget`` characters."""

    def read(path: str) -> Image.Image | None:
        try:
            return read_rgb(found_file(path, images))
        except ImageReadError:
            return None

    return make_thumbnails(list(paths), read, budget)


def _set_data(ranked: RankedSet, numbers: dict[str, int]) -> dict[str, Any]:
    first, gallery, queries = ranked.first, [], {}

    def number(path: str) -> int | None:
        return numbers.setdefault(path, len(numbers)) if path else None

    @cache
    def place(image: int) -> int:
        """Where an image is in the list of those that some query shows."""
        path = str(first.gallery_path[image])
        labels = int(first.gallery_person[image]), int(first.gallery_camera[image])
        gallery.append([*labels, PurePath(path).name, number(path)])
        return len(gallery) - 1

    for query in map(int, np.argsort(first.average_precision, kind="stable")):
        path = str(first.query_path[query])
        labels = int(first.query_person[query]), int(first.query_camera[query])
        head = [query, *labels, PurePath(path).name, number(path)]
        queries[query] = [*head, [_ranking(one, query, place) for one in ranked.rankings.values()]]
    return {
        "name": ranked.name,
        "rankings": [
            {"name": name, "cosine": bool(one.measure == "cosine"), "saved": one.ranked.shape[1]}
            for name, one in ranked.rankings.items()
        ],
        "gallery": gallery,
        "queries": [queries[query] for query in sorted(queries)],
    }


def _ranking(rankings: SavedRankings, query: int, place: Any) -> list[Any]:
    """Average precision in percent, matches, rank of the first, matches not saved, and what was found."""
    row, precision = ranked_row(rankings, query, _LENGTH), float(rankings.average_precision[query])

    def found(one: Found) -> list[Any]:
        value = one.distance if one.similarity is None else one.similarity
        return [place(one.image), one.rank, int(one.is_match), round(value, 3)]

    return [
        None if math.isnan(precision) else round(100 * precision, 1),
        int(rankings.num_matches[query]),
        int(rankings.first_match_rank[query]) + 1,
        row.unseen,
        [found(one) for one in (*row.top, *row.later)],
    ]
