"""Draw where a model looks: its attention and the background beside each image, or its activation maps."""

import argparse
from pathlib import Path

from mdpr.cli.reporting import say, subcommand
from mdpr.inference.embedder import Embedder
from mdpr.visualization.pictures import draw_maps


def _attention(options: argparse.Namespace) -> int:
    facts = {"activations": options.activations, "overwrite": options.force}
    draw_maps(Embedder.from_file(options.model), options.images, options.out, **facts)
    say(f"Wrote {options.out}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mdpr attention", description=__doc__)
    add = parser.add_argument
    add("images", metavar="IMAGE", nargs="+", type=Path, help="image file")
    add("--model", required=True, help="model file")
    add("--out", type=Path, required=True, help="one .png with a row for every image, or a folder of them")
    add("--activations", action="store_true", help="draw how strong each embedding map is where")
    add("--force", action="store_true", help="replace pictures that are there")
    return parser


main = subcommand(_parser, _attention)
