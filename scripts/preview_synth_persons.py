"""Draw a contact sheet of the SynthPersons data set."""

import argparse
from pathlib import Path

from mdpr.data.synthetic.preview import contact_sheet
from mdpr.data.synthetic.spec import SynthPersonsSpec


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--output", type=Path, required=True, help="picture to write, such as a.png"
    )
    parser.add_argument("--first", type=int, default=1, help="identity in the first row")
    parser.add_argument("--rows", type=int, default=6, help="number of identities")
    parser.add_argument("--images-per-camera", type=int, default=2)
    parser.add_argument("--magnification", type=int, default=1)
    arguments = parser.parse_args()
    sheet = contact_sheet(
        SynthPersonsSpec(),
        range(arguments.first, arguments.first + arguments.rows),
        images_per_camera=arguments.images_per_camera,
        magnification=arguments.magnification,
    )
    sheet.save(arguments.output)
    print(f"Wrote {arguments.output} ({sheet.width} x {sheet.height} pixels).")


if __name__ == "__main__":
    main()
