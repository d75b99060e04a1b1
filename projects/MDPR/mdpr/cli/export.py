"""Write a model as a file for other programs; it is there only if it computes what the model does."""

import argparse
from pathlib import Path

from mdpr.cli.reporting import say, subcommand
from mdpr.inference.export.check import TOLERANCES
from mdpr.inference.export.conventions import CONVENTIONS
from mdpr.inference.export.export import export
from mdpr.inference.export.writers import SUFFIXES


def _export(options: argparse.Namespace) -> int:
    agreement = export(
        options.model,
        options.out,
        to=options.to,
        pixels=options.input,
        precision=options.precision,
        images=options.images,
        labelled=options.evaluate,
        overwrite=options.force,
    )
    crops = "the images given" if options.images else "drawn people, as --images names none"
    say(f"Wrote {options.out}: {CONVENTIONS[options.input].description}; {options.precision}")
    say(f"Compared with {options.model} on {crops}, in batches of 1, 8 and 7: {agreement}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mdpr export", description=__doc__)
    parser.add_argument("model", type=Path, help="a model file, or the folder of a run")
    parser.add_argument("--to", choices=SUFFIXES, required=True, help="the format")
    parser.add_argument(
        "--input", choices=CONVENTIONS, default="255", help="the scale of the pixels that it is fed with"
    )
    parser.add_argument("--precision", choices=TOLERANCES, default="fp32")
    parser.add_argument(
        "--images", type=Path, nargs="+", default=[], help="crops, or folders of them, to compare with"
    )
    parser.add_argument(
        "--evaluate", metavar="SET", help="data set, or folder with query/ and gallery/: mAP of both"
    )
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    parser.add_argument("--force", action="store_true", help="replace what is there")
    return parser


main = subcommand(_parser, _export)
