"""Say how alike two images are and, where the model is calibrated, whether they show the same person."""

import argparse
import dataclasses
import json

from tabulate import tabulate

from mdpr.cli.reporting import say, subcommand
from mdpr.inference.embedder import Embedder


def _compare(options: argparse.Namespace) -> int:
    decision = Embedder.from_file(options.model).same_person(options.first, options.second)
    values = dataclasses.asdict(decision)
    known = [(name, str(value)) for name, value in values.items() if value is not None]
    text = tabulate(known, tablefmt="plain", disable_numparse=True)
    say(json.dumps(values, indent=2) if options.json else text)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mdpr compare", description=__doc__)
    parser.add_argument("first", metavar="A", help="an image file")
    parser.add_argument("second", metavar="B", help="another")
    parser.add_argument("--model", required=True, help="model file")
    parser.add_argument("--json", action="store_true", help="print the decision as JSON")
    return parser


main = subcommand(_parser, _compare)
