"""What some queries found, as one small picture for TensorBoard; `mdpr rank-lists` makes a page of it."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps

from mdpr.data.images import ImageReadError, read_rgb
from mdpr.evaluation.saved_files.rankings import SavedRankings

# Told apart with any colour vision, and without colour by the width of the frame and the word below it.
_MATCH: Final = ((0, 90, 160), 4)
_OTHER: Final = ((213, 94, 0), 1)
_INK: Final = (30, 30, 30)
_MISSING: Final = (128, 134, 142)
_SIZE: Final = (56, 112)  # of an image: width and height, pixels
_FRAME: Final = 4
_CELL: Final = _SIZE[0] + 2 * _FRAME + 6
_TITLE, _CAPTION = 20, 22
_ROW: Final = _TITLE + _SIZE[1] + 2 * _FRAME + _CAPTION


def worst_to_best(average_precision: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Queries in even steps from the lowest average precision over the median to the highest.

    Args:
        average_precision: (Q,) in [0, 1], NaN for queries that do not count; these are never chosen.
        count: of queries; fewer where there are fewer.

    Returns:
        (n,) indices.
    """
    order = np.argsort(average_precision, kind="stable")
    order = order[: np.count_nonzero(~np.isnan(average_precision))]  # NaN comes last
    places = np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int)
    return order[places]


def drawn_by_chance(average_precision: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Queries that count, (n,) indices: the same ones after every evaluation, so that one sees them change.

    Args:
        average_precision: as for `worst_to_best`.
        count: of queries; fewer where there are fewer.
    """
    order = np.random.default_rng(0).permutation(len(average_precision))
    return order[~np.isnan(average_precision[order])][:count]


def rank_sheet(
    rankings: SavedRankings, queries: Sequence[int] | NDArray[np.int64], length: int = 10
) -> NDArray[np.uint8]:
    """Draw a row for each query: its image, and the nearest ones of the gallery.

    Args:
        rankings: what an evaluation found.
        queries: which to show.
        length: gallery images of a row, at most.

    Returns:
        (3, height, width) RGB.
    """
    sheet = Image.new("RGB", ((length + 1) * _CELL + 12, max(1, len(queries)) * _ROW), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for row, query in enumerate(queries):
        top = row * _ROW
        draw.text((4, top + 4), _title(rankings, query), _INK, font)
        sheet.paste(_framed(rankings.query_path[query], _INK, 1), (0, top + _TITLE))
        draw.text((4, top + _ROW - _CAPTION + 2), "query", _INK, font)
        for place, image in enumerate(rankings.ranked[query, :length]):
            if image < 0:
                break
            is_match = rankings.is_match[query, place]
            colour, width = _MATCH if is_match else _OTHER
            left = (place + 1) * _CELL + 12
            sheet.paste(_framed(rankings.gallery_path[image], colour, width), (left, top + _TITLE))
            text = f"{'match' if is_match else 'other'} {_nearness(rankings, query, place)}"
            draw.text((left, top + _ROW - _CAPTION + 2), text, colour, font)
    return np.asarray(sheet).transpose(2, 0, 1)


def _title(rankings: SavedRankings, query: int) -> str:
    matches, first = rankings.num_matches[query], rankings.first_match_rank[query] + 1
    return (
        f"query {query}: person {rankings.query_person[query]}, camera {rankings.query_camera[query]}; "
        f"AP {100 * rankings.average_precision[query]:.1f} %, matches {matches}, the first at rank {first}"
    )


def _nearness(rankings: SavedRankings, query: int, place: int) -> str:
    distance = float(rankings.distance[query, place])
    return f"{1 - distance:.2f}" if rankings.measure == "cosine" else f"{distance:.3g}"


def _framed(path: str, colour: tuple[int, int, int], width: int) -> Image.Image:
    try:
        image = ImageOps.pad(read_rgb(path), _SIZE, color=_MISSING)
    except ImageReadError:
        image = Image.new("RGB", _SIZE, _MISSING)
    return ImageOps.expand(ImageOps.expand(image, width, colour), _FRAME - width, "white")
