"""From a model and image files to pictures; none that is there is replaced without being asked."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mdpr.data.images import read_rgb
from mdpr.errors import InputError
from mdpr.files import write_atomically
from mdpr.inference.embedder import Embedder
from mdpr.visualization.drawing import empty_figure, maps_figure, match_figure
from mdpr.visualization.maps import maps_of
from mdpr.visualization.match import Share

_MOST_ROWS = 20  # of one picture; more are hard to look at, and slow to lay out


def draw_maps(
    embedder: Embedder, images: Sequence[Path], out: Path, *, activations: bool, overwrite: bool
) -> None:
    """Draw the attention of images, or their activation maps.

    Args:
        embedder: of a model file with MDPR.
        images: files.
        out: a ``.png`` file, with a row for every image; or a folder, with a file for every image.
        activations: draw activation maps instead.
        overwrite: replace files that are there.

    Raises:
        InputError: what `maps_of` refuses, files that cannot be written, or matplotlib is missing.
        ImageReadError: a file that cannot be read.
    """
    is_folder = out.is_dir() or not out.suffix
    targets = [out / f"{image.stem}.png" for image in images] if is_folder else [out]
    if len(set(targets)) < len(targets):
        raise InputError(f"two of the images have one name, and both would become one file of {out}")
    if len(images) > _MOST_ROWS and not is_folder:
        raise InputError(f"{len(images)} images in one picture: expected {_MOST_ROWS} at most, or a folder")
    _check(targets, overwrite)
    scale = ("RMS over the channels", None) if activations else ("attention", 1.0)
    for target, group in zip(targets, [[image] for image in images] if is_folder else [images], strict=True):
        maps = [maps_of(embedder, image, activations=activations) for image in group]
        _write(maps_figure(maps, *scale), target)


def draw_match(shares: Sequence[Share], images: Sequence[Path], out: Path, *, overwrite: bool) -> None:
    """Draw what the similarity of two image files is made of.

    Raises:
        InputError: a file that cannot be written, or matplotlib is missing.
        ImageReadError: a file that cannot be read.
    """
    _check([out], overwrite)
    _write(match_figure(shares, [read_rgb(image) for image in images], [each.name for each in images]), out)


def _check(targets: Sequence[Path], overwrite: bool) -> None:
    empty_figure(1, 1, "none")  # where there is no matplotlib, nothing else is worth its time
    for target in targets:
        if target.suffix != ".png":
            raise InputError(f"{target} is to be a picture: expected a name that ends in .png")
        if target.exists() and not overwrite:
            raise InputError(f"{target} exists: choose another name, or replace it with --force")


def _write(figure: Any, path: Path) -> None:
    with write_atomically(path, "wb") as file:
        figure.savefig(file, format="png", bbox_inches="tight", pil_kwargs={"optimize": True})
