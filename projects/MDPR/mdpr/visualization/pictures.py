"""From a model and images to picture files; none that is there is replaced without being asked."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from mdpr.data.images import read_rgb
from mdpr.errors import InputError
from mdpr.inference.embedder import Embedder
from mdpr.visualization.drawing import DOTS_PER_INCH, draw_maps, draw_match, new_figure, write_figure
from mdpr.visualization.maps import MapReader
from mdpr.visualization.match import Share

MOST_ROWS: Final = 20
"""Images of one picture, above which it is hard to look at."""


def write_maps(
    embedder: Embedder,
    images: Sequence[str | Path],
    out: str | Path,
    *,
    activations: bool = False,
    dpi: int = DOTS_PER_INCH,
    overwrite: bool = False,
) -> list[Path]:
    """Draw the attention of images, or their activation maps.

    Args:
        embedder: of an MDPR network.
        images: image files.
        out: a ``.png`` file, with a row for every image; or a folder, with a file for every image.
        activations: draw activation maps instead.
        dpi: dots per inch; an image is about an inch wide.
        overwrite: replace files that are there.

    Returns:
        The files written.

    Raises:
        InputError: matplotlib is missing, a name that cannot be written, a file that is there, or a network
            without attention.
        ImageReadError: a file that cannot be read.
    """
    out, images = Path(out), [Path(image) for image in images]
    if out.suffix and out.suffix != ".png" and not out.is_dir():
        raise InputError(f"{out} is to be a picture: expected a name that ends in .png, or a folder")
    one = out.suffix == ".png" and not out.is_dir()
    targets = [out] if one else [out / f"{image.stem}.png" for image in images]
    if one and len(images) > MOST_ROWS:
        raise InputError(f"{len(images)} images in one picture: expected {MOST_ROWS} at most, or a folder")
    check_targets(targets, overwrite)
    reader = MapReader(embedder)
    read = reader.activations if activations else reader.attention
    scale = ("RMS over the channels", None) if activations else ("attention", 1.0)
    for target, group in zip(targets, [images] if one else [[image] for image in images], strict=True):
        write_figure(draw_maps([read(image) for image in group], *scale), target, dpi)
    return targets


def write_match(
    shares: Sequence[Share],
    images: Sequence[str | Path],
    out: str | Path,
    *,
    overwrite: bool = False,
) -> None:
    """Draw what the similarity of two images is made of.

    Args:
        shares: of `mdpr.visualization.match.match_of`.
        images: the two image files.
        out: a ``.png`` file.
        overwrite: replace it where it is there.

    Raises:
        InputError: matplotlib is missing, another name, or a file that is there.
        ImageReadError: a file that cannot be read.
    """
    if Path(out).suffix != ".png":
        raise InputError(f"{out} is to be a picture: expected a name that ends in .png")
    check_targets([Path(out)], overwrite)
    figure = draw_match(shares, [read_rgb(image) for image in images], [Path(each).name for each in images])
    write_figure(figure, out)


def check_targets(targets: Iterable[Path], overwrite: bool) -> None:
    """Check, before any work is done, that pictures can be drawn to these files.

    Raises:
        InputError: matplotlib is missing, two files have one name, or one is there already.
    """
    new_figure(1, 1)
    seen: set[Path] = set()
    for target in targets:
        if target in seen:
            raise InputError(f"two images would both become {target}: draw them into folders of their own")
        if target.exists() and not overwrite:
            raise InputError(f"{target} exists: choose another name, or replace it with --force")
        seen.add(target)
