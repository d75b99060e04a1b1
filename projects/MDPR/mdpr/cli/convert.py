"""Convert weights of the authors' release into a checkpoint of this project, or back.

Prints the config overrides that the weights imply.
"""

import argparse

from mdpr.checkpoint.conversion import convert_file
from mdpr.cli.reporting import say, subcommand


def _convert(options: argparse.Namespace) -> int:
    overrides = convert_file(
        options.source,
        options.target,
        to_official=options.to_official,
        later_variant=options.later_variant,
        overwrite=options.force,
    )
    lines = [f"    {key} {value}" for key, value in overrides.items()]
    say("\n".join([f"Wrote {options.target}. Use it with:", *lines]))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mdpr convert", description=__doc__)
    parser.add_argument("source", help="weights to read (.pth or .safetensors)")
    parser.add_argument("target", help="file to write; its suffix chooses the format")
    parser.add_argument("--to-official", action="store_true", help="write the release's names")
    parser.add_argument("--later-variant", action="store_true", help="... of its later variant (MDPREX)")
    parser.add_argument("--force", action="store_true", help="overwrite the target")
    return parser


main = subcommand(_parser, _convert)
