"""Say how alike two images are and, where the model is calibrated, whether they show the same person."""

import argparse
import dataclasses
import json

from mdpr.cli.reporting import say, subcommand
from mdpr.inference.decisions import Decision
from mdpr.inference.embedder import Embedder


def _compare(options: argparse.Namespace) -> int:
    decision = Embedder.from_file(options.model).same_person(options.first, options.second)
    say(json.dumps(dataclasses.asdict(decision), indent=2) if options.json else _text(decision))
    return 0


def _text(decision: Decision) -> str:
    if decision.is_same is None:
        return f"similarity   {decision.similarity:.4f}\nnot decided: {decision.reason}"
    return (
        f"{'same person' if decision.is_same else 'different people'}\n"
        f"similarity   {decision.similarity:.4f}\n"
        f"threshold    {decision.threshold:.4f}, for a false-match rate of {decision.false_match_rate:g}\n"
        f"probability  {decision.probability:.4f}, if one person is as likely as two beforehand"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mdpr compare", description=__doc__)
    parser.add_argument("first", metavar="A", help="an image file")
    parser.add_argument("second", metavar="B", help="another")
    parser.add_argument("--model", required=True, help="model file")
    parser.add_argument("--json", action="store_true", help="print the decision as JSON")
    return parser


main = subcommand(_parser, _compare)
