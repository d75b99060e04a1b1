"""Rank lists as one HTML file: chosen queries of one file of rankings, or of two side by side."""

from collections.abc import Callable, Sequence
from functools import cache
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
_BACKGROUND: Final = (128, 134, 142)
_MUST_AGREE: Final = ("query_person", "query_camera", "gallery_person", "gallery_camera")


def write_rank_lists(
    files: Sequence[str | Path],
    out: str | Path,
    *,
    images: str | Path | None = None,
    model: str | Path | None = None,
    count: int = 8,
    length: int = 10,
    seed: int = 0,
) -> Path:
    """Write the page.

    Args:
        files: one file of saved rankings, or two of the same queries and gallery.
        out: the page, ``.html``; any other name is a folder, which gets ``rank_lists.html``.
        images: folder in which images are looked for, whose saved paths lead nowhere.
        model: model file whose calibration says how probable each similarity makes a match.
        count: queries of each group.
        length: images shown of each ranking.
        seed: of the random queries.

    Returns:
        The page's path.

    Raises:
        EvaluationError: files of other queries or galleries, or probabilities that cannot be had.
        MDPRError, OSError, TypeError, ValueError: files that cannot be read or written.
    """
    rankings = [load_rankings(file) for file in files]
    probability = None if model is None else _probability(model, rankings, files)
    names = distinct_names(files)
    page = Path(out) if Path(out).suffix in (".html", ".htm") else Path(out) / "rank_lists.html"
    html = render_rank_lists(
        rankings, names, images=images, probability=probability, count=count, length=length, seed=seed
    )
    with write_atomically(page, "wb") as stream:
        stream.write(html.encode(errors="replace"))
    return page


def render_rank_lists(
    rankings: Sequence[SavedRankings],
    names: Sequence[str],
    *,
    images: str | Path | None = None,
    probability: Callable[[float], float] | None = None,
    count: int = 8,
    length: int = 10,
    seed: int = 0,
) -> str:
    """The page's HTML, of one file's rankings or of two of the same images, and what to call each.

    ``probability`` says from a cosine similarity how likely two images show one person; for the others see
    `write_rank_lists`.

    Raises:
        EvaluationError: rankings of different images.
    """
    first, *others = rankings
    groups = choose_queries(first.average_precision, count, seed=seed)
    for other in others:
        _check_same_images(first, other, names)
        precisions = (first.average_precision, other.average_precision)
        groups = choose_changes(*precisions, count, (names[0], names[1])) + groups
    summary = [
        (name, float(100 * np.nanmean(one.average_precision)), str(one.measure) or "unknown")
        for name, one in zip(names, rankings, strict=True)
    ]

    def rows(query: int) -> list[tuple[str, Any]]:
        return [
            (name, ranked_row(one, query, length, probability))
            for name, one in zip(names, rankings, strict=True)
        ]

    return render_page(
        "mdpr.visualization",
        "rank_lists.html.j2",
        groups=groups,
        rankings=first,
        rows=rows,
        summary=summary,
        num_counted=int(np.count_nonzero(~np.isnan(first.average_precision))),
        length=length,
        picture=_pictures(images),
        size=THUMBNAIL,
    )


def distinct_names(files: Sequence[str | Path]) -> list[str]:
    """Names of files without what all end with; with their folders where the names alone are the same."""
    paths = [Path(file) for file in files]
    names = [path.stem.removesuffix("_rankings").removesuffix("_features") for path in paths]
    if len(set(names)) < len(names):
        names = [f"{path.absolute().parent.name}/{name}" for path, name in zip(paths, names, strict=True)]
    return names if len(set(names)) == len(names) else [str(path) for path in paths]


def _check_same_images(first: SavedRankings, other: SavedRankings, names: Sequence[str]) -> None:
    for name in _MUST_AGREE:
        if not np.array_equal(getattr(first, name), getattr(other, name)):
            raise EvaluationError(
                f"{names[0]} and {names[1]} differ in '{name}': rankings side by side need the same "
                "queries and the same gallery, in one order"
            )


def _probability(
    model: str | Path, rankings: Sequence[SavedRankings], files: Sequence[str | Path]
) -> Callable[[float], float]:
    stored = read_model_file(model).metadata["calibration"]
    if stored is None:
        raise EvaluationError(f"{model} has no calibration: `mdpr calibrate ... --model {model}` makes one")
    if not any(one.measure == "cosine" for one in rankings):
        raise EvaluationError(
            f"no probabilities for {', '.join(map(str, files))}: they belong to cosine similarities, and the "
            f"distances are of the kind {str(rankings[0].measure) or 'unknown'!r}"
        )
    return Calibration.from_dict(stored).probability


def _pictures(images: str | Path | None) -> Callable[[str], str]:
    """A function from a path to a thumbnail's data URI, "" where there is no image to read."""

    @cache
    def picture(path: str) -> str:
        try:
            image = read_rgb(_found_file(path, images))
        except ImageReadError:
            return ""
        return image_uri(ImageOps.pad(image, THUMBNAIL, color=_BACKGROUND))

    return picture


def _found_file(path: str, images: str | Path | None) -> Path:
    """The file of a saved path; where it has moved, the one in ``images`` with the longest common end."""
    parts = Path(path).parts
    moved = [] if images is None else [Path(images, *parts[start:]) for start in range(1, len(parts))]
    return next((one for one in (Path(path), *moved) if one.is_file()), Path(path))
