"""Say what is in a model file: a model card."""

import argparse
from pathlib import Path

from mdpr.cli.reporting import say, subcommand
from mdpr.inference.model_card import FORMATS, describe
from mdpr.inference.model_file import read_model_file


def _describe(options: argparse.Namespace) -> int:
    file = read_model_file(options.file)
    if options.verify:
        file.verify()
    say(describe(file, options.format))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mdpr describe", description=__doc__)
    parser.add_argument("file", type=Path, help="a model file")
    parser.add_argument("--format", choices=FORMATS, default=FORMATS[0])
    parser.add_argument("--verify", action="store_true", help="also compare the checksum with the content")
    return parser


main = subcommand(_parser, _describe)
