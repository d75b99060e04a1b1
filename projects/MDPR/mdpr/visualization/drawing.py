"""Pictures by matplotlib.

Maps are drawn in viridis, which rises evenly in brightness and can be read by the colour-blind.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mdpr.files import write_atomically
from mdpr.inference.extraction.row import optional
from mdpr.visualization.maps import ImageMaps, Panel
from mdpr.visualization.match import Share

_EXTRA: Final = "pictures"
_CELL: Final = 1.05  # inches that an image is wide
DOTS_PER_INCH: Final = 150
_OPACITY: Final = 0.65
_PALE: Final = 255  # what lies under a map has half its contrast: the upper, bright one
_CHARACTERS: Final = 15  # of a name in an inch
_SMALL: Final = 8  # points


def new_figure(width: float, height: float, layout: str = "compressed") -> Any:
    """An empty figure of so many inches, in one of matplotlib's layouts.

    Raises:
        InputError: matplotlib is missing.
    """
    optional("matplotlib.backends.backend_agg", _EXTRA)
    return optional("matplotlib.figure", _EXTRA).Figure((width, height), layout=layout)


def write_figure(figure: Any, path: str | Path, dpi: int = DOTS_PER_INCH) -> None:
    """Write a PNG, in one step."""
    with write_atomically(path, "wb") as file:
        figure.savefig(file, format="png", dpi=dpi, bbox_inches="tight", pil_kwargs={"optimize": True})


def draw_maps(images: Sequence[ImageMaps], label: str, top: float | None = None) -> Any:
    """Draw a row for every image: the image with its stripes, and its maps over it, all on one scale from 0.

    Args:
        images: with the same panels.
        label: of the scale.
        top: of the scale; None takes the largest value there is.

    Returns:
        The figure.

    Raises:
        InputError: matplotlib is missing.
    """
    if top is None:
        top = max(float(band.max()) for image in images for panel in image.panels for band in panel.bands)
    heights = [_CELL * float(np.clip(_proportion(image), 0.3, 4)) for image in images]
    columns = 1 + len(images[0].panels)
    figure = new_figure(columns * _CELL + 1.2, sum(heights) + 0.15 * len(heights) + 0.4)
    grid = figure.subplots(len(images), columns, squeeze=False, height_ratios=heights)
    for row, image, height in zip(grid, images, heights, strict=True):
        row[0].imshow(image.pixels, extent=_extent(image), aspect=image.pixel_aspect)
        row[0].set_ylabel(_short(image.name, height), fontsize=_SMALL - 1, parse_math=False)
        for axes, panel in zip(row[1:], image.panels, strict=True):
            drawn = _draw_panel(axes, image, panel, top)
        for axes in row:
            axes.set(xticks=[], yticks=[])
            for border in image.borders:
                for color, style in (("white", "-"), ("black", "--")):  # seen on any image
                    axes.axhline(border * len(image.pixels), color=color, linestyle=style, linewidth=0.8)
    for axes, title in zip(grid[0], ["input", *(panel.title for panel in images[0].panels)], strict=True):
        axes.set_title(title, fontsize=_SMALL)
    figure.colorbar(drawn, ax=grid, label=label, fraction=0.05, pad=0.02, aspect=30)
    return figure


def draw_match(shares: Sequence[Share], pictures: Sequence[Image.Image], names: Sequence[str]) -> Any:
    """Draw two images beside what every slice adds to their similarity, within what it could add.

    Args:
        shares: of the two images.
        pictures: the two, RGB.
        names: of the two.

    Returns:
        The figure.

    Raises:
        InputError: matplotlib is missing.
    """
    figure = new_figure(8, max(2.6, 0.34 * len(shares) + 1.2), "constrained")
    *shown, axes = figure.subplots(1, 3, width_ratios=(1, 1, 3.5))
    for each, picture, name in zip(shown, pictures, names, strict=True):
        each.imshow(picture)
        each.set(xticks=[], yticks=[])
        each.set_ylabel(_short(name, 2), fontsize=_SMALL - 1, parse_math=False)
    places = range(len(shares))
    weights, values = [each.weight for each in shares], [each.share for each in shares]
    axes.barh(places, weights, facecolor="none", edgecolor="0.45", linestyle=":", label="if it agreed wholly")
    axes.barh(places, values, color="#31688e", label="share")  # of viridis
    for place, each in zip(places, shares, strict=True):
        axes.text(max(each.weight, 0), place, f" {each.share:+.3f}", va="center", fontsize=_SMALL)
    axes.set_yticks(places, [each.name for each in shares], fontsize=_SMALL)
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8)
    axes.margins(x=0.18)
    axes.set_xlabel("share of the cosine similarity")
    axes.set_title(f"similarity {sum(values):.3f}", loc="left", fontsize=_SMALL + 2)
    axes.spines[["top", "right"]].set_visible(False)
    above = {"loc": "lower right", "bbox_to_anchor": (1, 1), "ncols": 2}
    axes.legend(frameon=False, fontsize=_SMALL, **above)
    return figure


def _draw_panel(axes: Any, image: ImageMaps, panel: Panel, top: float) -> Any:
    """The maps over a pale grey image, so that their colours stay those of the scale."""
    grey = np.asarray(Image.fromarray(image.pixels).convert("L"))
    axes.imshow(grey, cmap="gray", vmin=-_PALE, vmax=255, extent=_extent(image))
    options = {"aspect": image.pixel_aspect, "vmin": 0}
    rows, start = sum(map(len, panel.bands)), 0
    for band in panel.bands:
        extent = _extent(image, start / rows, (start + len(band)) / rows)
        drawn = _overlay(axes, band, extent, vmax=top, **options)
        start += len(band)
    axes.set(xlim=(0, image.pixels.shape[1]), ylim=(image.pixels.shape[0], 0))
    return drawn


def _overlay(axes: Any, band: NDArray[Any], extent: tuple[float, ...], **options: Any) -> Any:
    smooth = {"interpolation": "bilinear", "alpha": _OPACITY, "cmap": "viridis"}
    return axes.imshow(band, extent=extent, **smooth, **options)


def _extent(image: ImageMaps, top: float = 0, bottom: float = 1) -> tuple[float, ...]:
    """Left, right, bottom and top of a part of the image, in its pixels."""
    height, width = image.pixels.shape[:2]
    return 0, width, bottom * height, top * height


def _proportion(image: ImageMaps) -> float:
    height, width = image.pixels.shape[:2]
    return height * image.pixel_aspect / width


def _short(name: str, inches: float) -> str:
    """The end of a name that is too long."""
    most = int(inches * _CHARACTERS)
    return name if len(name) <= most else f"…{name[1 - most :]}"
