"""Say how alike two images are and, where the model is calibrated, whether they show the same person."""

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

from tabulate import tabulate

from mdpr.cli.reporting import say, subcommand
from mdpr.inference.embedder import Embedder
from mdpr.visualization.match import match_of
from mdpr.visualization.pictures import draw_match


def _compare(options: argparse.Namespace) -> int:
    embedder = Embedder.from_file(options.model)
    pair = (options.first, options.second)
    values: dict[str, Any] = dataclasses.asdict(embedder.same_person(*pair))
    known = [(name, str(value)) for name, value in values.items() if value is not None]
    text = tabulate(known, tablefmt="plain", disable_numparse=True)
    if options.parts or options.picture:
        shares = match_of(embedder, *pair)
        values["parts"] = [dataclasses.asdict(each) for each in shares]
        total = {"name": "sum", "share": sum(each.share for each in shares)}
        text += "\n\n" + tabulate([*values["parts"], total], headers="keys", floatfmt="+.4f")
        if options.picture:
            draw_match(shares, pair, options.picture, overwrite=options.force)
    say(json.dumps(values, indent=2) if options.json else text)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mdpr compare", description=__doc__)
    add = parser.add_argument
    add("first", metavar="A", type=Path, help="an image file")
    add("second", metavar="B", type=Path, help="another")
    add("--model", required=True, help="model file")
    add("--parts", action="store_true", help="also say what each part of the feature adds to the similarity")
    add("--picture", metavar="FILE.png", type=Path, help="... and draw it")
    add("--force", action="store_true", help="replace a picture that is there")
    add("--json", action="store_true", help="print everything as JSON")
    return parser


main = subcommand(_parser, _compare)
