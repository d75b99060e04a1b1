"""Figures of matplotlib; maps are in viridis, which rises evenly and can be read by the colour-blind."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from PIL import Image

from mdpr.inference.extras import optional
from mdpr.visualization.maps import ImageMaps
from mdpr.visualization.match import Share

_CELL: Final = 1.05  # inches that an image is wide
_CHARACTERS: Final = 15  # of a name in an inch
_SMALL: Final = 8  # points


def empty_figure(width: float, height: float, layout: str) -> Any:
    """A figure of so many inches, in one of matplotlib's layouts.

    Raises:
        InputError: matplotlib is missing.
    """
    return optional("matplotlib.figure", "pictures").Figure((width, height), dpi=100, layout=layout)


def maps_figure(images: Sequence[ImageMaps], label: str, top: float | None = None) -> Any:
    """A row for every image of one model: the image with its stripes, and its maps over it.

    All are on one scale with that ``label``, from 0 to ``top`` or, where that is None, the largest value.

    Raises:
        InputError: matplotlib is missing.
    """
    if top is None:
        top = max(float(band.max()) for image in images for bands in image.maps.values() for band in bands)
    shapes = [(*image.pixels.shape[:2], image.pixel_aspect) for image in images]
    heights = [_CELL * float(np.clip(height / width * aspect, 0.3, 4)) for height, width, aspect in shapes]
    titles = ["input", *images[0].maps]
    figure = empty_figure(len(titles) * _CELL + 1.2, sum(heights) + 0.15 * len(images) + 0.4, "compressed")
    grid = figure.subplots(len(images), len(titles), squeeze=False, height_ratios=heights)
    for row, image, height in zip(grid, images, heights, strict=True):
        row[0].imshow(image.pixels, aspect=image.pixel_aspect)
        row[0].set_ylabel(_short(image.name, height), fontsize=_SMALL - 1, parse_math=False)
        for axes, bands in zip(row[1:], image.maps.values(), strict=True):
            drawn = _overlay(axes, image, bands, top)
        for axes in row:
            axes.set(xticks=[], yticks=[])
            for border in image.borders:
                place = border * len(image.pixels) - 0.5
                axes.axhline(place, color="black", gapcolor="white", linestyle="--", linewidth=0.8)
    for axes, title in zip(grid[0], titles, strict=True):
        axes.set_title(title, fontsize=_SMALL)
    figure.colorbar(drawn, ax=grid, label=label, fraction=0.05, pad=0.02, aspect=30)
    return figure


def match_figure(shares: Sequence[Share], pictures: Sequence[Image.Image], names: Sequence[str]) -> Any:
    """Two images beside what every slice adds to their similarity, within what it could add.

    Raises:
        InputError: matplotlib is missing.
    """
    figure = empty_figure(8, max(2.6, 0.34 * len(shares) + 1.2), "constrained")
    *shown, axes = figure.subplots(1, 3, width_ratios=(1, 1, 3.5))
    for each, picture, name in zip(shown, pictures, names, strict=True):
        each.imshow(picture)
        each.set(xticks=[], yticks=[])
        each.set_ylabel(_short(name, 2), fontsize=_SMALL - 1, parse_math=False)
    places, values, weights = zip(*((i, s.share, s.weight) for i, s in enumerate(shares)), strict=True)
    outline = {"facecolor": "none", "edgecolor": "0.45", "linestyle": ":"}
    axes.barh(places, weights, label="if it agreed wholly", **outline)
    axes.barh(places, values, label="share", color="#31688e")
    for place, value, weight in zip(places, values, weights, strict=True):
        axes.text(weight, place, f" {value:+.3f}", va="center", fontsize=_SMALL)
    axes.set_yticks(places, [each.name for each in shares], fontsize=_SMALL)
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8)
    axes.margins(x=0.18)
    axes.set_xlabel("share of the cosine similarity")
    axes.set_title(f"similarity {sum(values):.3f}", loc="left", fontsize=_SMALL + 2)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=_SMALL, loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
    return figure


def _overlay(axes: Any, image: ImageMaps, bands: Sequence[Any], top: float) -> Any:
    """The bands over a pale grey image, so that their colours stay those of the scale."""
    grey = np.asarray(Image.fromarray(image.pixels).convert("L"))
    axes.imshow(grey, cmap="gray", vmin=-255, vmax=255)
    height, width = grey.shape
    edges = np.cumsum([0, *map(len, bands)]) * height / sum(map(len, bands)) - 0.5
    style = {"vmin": 0, "vmax": top, "alpha": 0.65, "cmap": "viridis", "interpolation": "bilinear"}
    for band, start, end in zip(bands, edges[:-1], edges[1:], strict=True):
        drawn = axes.imshow(band, extent=(-0.5, width - 0.5, end, start), **style)
    axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), aspect=image.pixel_aspect)
    return drawn


def _short(name: str, inches: float) -> str:
    most = int(inches * _CHARACTERS)
    return name if len(name) <= most else f"…{name[1 - most :]}"
