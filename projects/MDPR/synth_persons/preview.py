"""A contact sheet of SynthPersons: one row per identity, one column per camera.

``python -m synth_persons.preview --output sheet.png`` writes one.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image, ImageDraw

from synth_persons.generate import draw_samples
from synth_persons.sets import SETS
from synth_persons.spec import SynthPersonsSpec

_GAP = 4
_MARGIN = 22
_PAPER, _INK = (250, 250, 248), (70, 70, 75)


def contact_sheet(
    spec: SynthPersonsSpec,
    identities: Sequence[int],
    *,
    images_per_camera: int = 1,
    magnification: int = 2,
) -> Image.Image:
    """Draw `identities` as every camera of `spec` sees them.

    Args:
        spec: What the set is.
        identities: The rows, numbers from 1.
        images_per_camera: Images side by side in one camera's column.
        magnification: Size of an image on the sheet, as a multiple of its size in the set; the
            people are drawn that much larger, not enlarged.

    Raises:
        ValueError: If there is no identity, or a number is out of range.
    """
    if not identities:
        raise ValueError("A contact sheet needs at least one identity.")
    if min(images_per_camera, magnification) < 1:
        raise ValueError(
            f"images_per_camera ({images_per_camera}) and magnification ({magnification}) must be 1 or more."
        )
    large = replace(spec, height=spec.height * magnification, width=spec.width * magnification)
    columns = spec.cameras * images_per_camera
    sheet = Image.new(
        "RGB",
        (
            _MARGIN + columns * (large.width + _GAP),
            _MARGIN + len(identities) * (large.height + _GAP),
        ),
        _PAPER,
    )
    cameras = range(1, spec.cameras + 1)
    for position, sample in enumerate(draw_samples(large, identities, cameras, images_per_camera)):
        row, column = divmod(position, columns)
        corner = _corner(large, row, column)
        sheet.paste(Image.fromarray(sample.image), corner)
    _label(sheet, large, identities, images_per_camera)
    return sheet


def _corner(spec: SynthPersonsSpec, row: int, column: int) -> tuple[int, int]:
    return _MARGIN + column * (spec.width + _GAP), _MARGIN + row * (spec.height + _GAP)


def _label(
    sheet: Image.Image, spec: SynthPersonsSpec, identities: Sequence[int], images_per_camera: int
) -> None:
    draw = ImageDraw.Draw(sheet)
    for camera in range(spec.cameras):
        left, _ = _corner(spec, 0, camera * images_per_camera)
        draw.text((left, 5), f"camera {camera + 1}", fill=_INK)
    for row, identity in enumerate(identities):
        _, top = _corner(spec, row, 0)
        draw.text((3, top), str(identity), fill=_INK)


def main(argv: Sequence[str] | None = None) -> None:
    """Write a contact sheet; ``--help`` lists the arguments."""
    parser = argparse.ArgumentParser(description="Draw a contact sheet of a drawn data set.")
    parser.add_argument("--output", type=Path, required=True, help="picture to write, such as a.png")
    parser.add_argument("--set", choices=SETS, default="SynthPersons", help="which of the drawn sets")
    parser.add_argument("--first", type=int, default=1, help="identity in the first row")
    parser.add_argument("--rows", type=int, default=6, help="number of identities")
    parser.add_argument("--images-per-camera", type=int, default=2)
    parser.add_argument("--magnification", type=int, default=1)
    arguments = parser.parse_args(argv)
    sheet = contact_sheet(
        SETS[arguments.set],
        range(arguments.first, arguments.first + arguments.rows),
        images_per_camera=arguments.images_per_camera,
        magnification=arguments.magnification,
    )
    sheet.save(arguments.output)
    sys.stdout.write(f"Wrote {arguments.output} ({sheet.width} x {sheet.height} pixels).\n")


if __name__ == "__main__":
    main()
