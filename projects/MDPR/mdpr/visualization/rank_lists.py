"""Rank lists as one HTML file: chosen queries of one file of rankings, or of two side by side."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import ImageOps

from mdpr.data.images import ImageReadError, read_rgb
from mdpr.errors import EvaluationError
from mdpr.evaluation.saved_files.rankings import SavedRankings, load_rankings
from mdpr.files import write_atomically
from mdpr.inference.calibration import Calibration
from mdpr.inference.model_file import read_model_file
from mdpr.pages import image_uri, render_page
from mdpr.visualization.chosen_queries import choose_changes, choose_queries
from mdpr.visualization.ranked_rows import ranked_row

THUMBNAIL: Final = (64, 128)  # width and height, pixels
BACKGROUND: Final = (128, 134, 142)
_MUST_AGREE: Final = ("query_person", "query_camera", "gallery_person", "gallery_camera")


def write_rank_lists(
    files: Sequence[str | Path], out: str | Path, *, model: str | Path | None = None, **options: Any
) -> Path:
    """Write the page.

    Args:
        files: one file of saved rankings, or two of the same queries and gallery.
        out: the page, ``.html``; any other name is a folder, which gets ``rank_lists.html``.
        model: of the first file; its calibration says how probable each similarity makes a match.
        options: as `render_rank_lists`.

    Returns:
        The page's path.

    Raises:
        EvaluationError: files of other queries or galleries, or probabilities that cannot be had.
        MDPRError, OSError, TypeError, ValueError: files that cannot be read or written.
    """
    rankings = dict(zip(distinct_names(files), map(load_rankings, files), strict=True))
    probability = None if model is None else _probability(model, *next(iter(rankings.items())))
    page = Path(out) if Path(out).suffix in (".html", ".htm") else Path(out) / "rank_lists.html"
    html = render_rank_lists(rankings, probability=probability, **options)
    with write_atomically(page, "wb") as stream:
        stream.write(html.encode(errors="replace"))
    return page


def render_rank_lists(
    rankings: Mapping[str, SavedRankings],
    *,
    probability: Callable[[float], float] | None = None,
    images: str | Path | None = None,
    count: int = 8,
    length: int = 10,
    seed: int = 0,
) -> str:
    """The page's HTML.

    Args:
        rankings: by name, one or two of the same images.
        probability: that two images show one person, from a cosine similarity of the first rankings.
        images: folder in which images are looked for, whose saved paths lead nowhere.
        count: queries of each group.
        length: images shown of each ranking.
        seed: of the random queries.

    Raises:
        EvaluationError: rankings of different images.
    """
    first, *others = rankings.values()
    groups = choose_queries(first.average_precision, count, seed=seed)
    for other in others:
        if name := differing_labels(first, other):
            raise EvaluationError(
                f"{' and '.join(rankings)} differ in '{name}': rankings side by side need the same "
                "queries and the same gallery, in one order"
            )
        groups[:0] = choose_changes(
            first.average_precision, other.average_precision, count, " to ".join(rankings)
        )
    return render_page(
        "mdpr.visualization",
        "rank_lists.html.j2",
        groups=groups,
        rankings=rankings,
        first=first,
        mean=np.nanmean,
        row=partial(ranked_row, length=length),
        probability=probability,
        picture=pictures_of(images),
        size=THUMBNAIL,
    )


def distinct_names(files: Sequence[str | Path]) -> list[str]:
    """Names of files without what all end with; with their folders where the names alone are the same."""
    paths = [Path(file) for file in files]
    names = [path.stem.removesuffix("_rankings").removesuffix("_features") for path in paths]
    if len(set(names)) < len(names):
        names = [f"{path.absolute().parent.name}/{name}" for path, name in zip(paths, names, strict=True)]
    return names if len(set(names)) == len(names) else [str(path) for path in paths]


def differing_labels(first: SavedRankings, other: SavedRankings) -> str | None:
    """The first array by whose values two rankings are of different images, if there is one."""
    pairs = {name: (getattr(first, name), getattr(other, name)) for name in _MUST_AGREE}
    return next((name for name, pair in pairs.items() if not np.array_equal(*pair)), None)


def _probability(model: str | Path, name: str, rankings: SavedRankings) -> Callable[[float], float]:
    stored = read_model_file(model).metadata["calibration"]
    if stored is None:
        raise EvaluationError(f"{model} has no calibration: `mdpr calibrate ... --model {model}` makes one")
    if rankings.measure != "cosine":
        raise EvaluationError(
            f"no probabilities for {name}: they belong to cosine similarities, and its distances are of the "
            f"kind {str(rankings.measure) or 'unknown'!r}"
        )
    return Calibration.from_dict(stored).probability


def pictures_of(images: str | Path | None) -> Callable[[str], str]:
    """A function from a path to a thumbnail's data URI, "" where there is no image to read."""

    @cache
    def picture(path: str) -> str:
        try:
            image = read_rgb(found_file(path, images))
        except ImageReadError:
            return ""
        return image_uri(ImageOps.pad(image, THUMBNAIL, color=BACKGROUND))

    return picture


def found_file(path: str, images: str | Path | None) -> Path:
    """The file of a saved path; where it has moved, the one in ``images`` with the longest common end."""
    parts = Path(path).parts
    moved = [] if images is None else [Path(images, *parts[start:]) for start in range(1, len(parts))]
    return next((one for one in (Path(path), *moved) if one.is_file()), Path(path))
