"""Draw where a model looks: its attention and the background beside each image, or its activation maps."""

import argparse
from pathlib import Path

from mdpr.cli.reporting import say, subcommand
from mdpr.inference.embedder import Embedder
from mdpr.visualization.drawing import DOTS_PER_INCH
from mdpr.visualization.pictures import write_maps


def _attention(options: argparse.Namespace) -> int:
    written = write_maps(
        Embedder.from_file(options.model, options.device),
        options.images,
        options.out,
        activations=options.activations,
        dpi=options.dpi,
        overwrite=options.force,
    )
    say(f"Wrote {written[0]}" + (f" and {len(written) - 1} more" if written[1:] else ""))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mdpr attention", description=__doc__)
    add = parser.add_argument
    add("images", metavar="IMAGE", nargs="+", type=Path, help="image files")
    add("--model", required=True, help="model file, or the folder of a run")
    add("--out", type=Path, required=True, help="one .png with a row for every image, or a folder of them")
    add("--activations", action="store_true", help="draw how strong each embedding map is where, instead")
    add("--dpi", type=int, default=DOTS_PER_INCH, help="dots per inch (%(default)s)")
    add("--device", help="such as cpu or cuda (default: a GPU if there is one)")
    add("--force", action="store_true", help="replace pictures that are there")
    return parser


main = subcommand(_parser, _attention)
