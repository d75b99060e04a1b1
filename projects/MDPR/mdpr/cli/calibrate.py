"""Find the similarity from which on two images show the same person, for a chosen rate of false matches."""

import argparse
import json
from pathlib import Path

import numpy as np
from tabulate import tabulate

from mdpr.cli.reporting import say, subcommand
from mdpr.files import write_atomically
from mdpr.inference.model_calibration import calibrate_model


def _calibrate(options: argparse.Namespace) -> int:
    found, replaced = calibrate_model(
        options.source, options.model, false_match_rate=options.false_match_rate
    )
    values = found.as_dict()
    rows = [(name, np.round(value, 8).tolist()) for name, value in values.items() if name != "knots"]
    say(tabulate(rows, tablefmt="plain"))
    if options.json is not None:
        with write_atomically(options.json) as stream:
            stream.write(json.dumps(values, indent=2) + "\n")
    if replaced is not None:
        say(f"Replaced in {options.model}: {json.dumps(replaced.as_dict())}")
    elif options.model is not None:
        say(f"Stored in {options.model}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mdpr calibrate", description=__doc__)
    parser.add_argument(
        "source",
        metavar="FEATURES_OR_FOLDER",
        help="npz with features (N, D), person and, where known, camera (N,); or a folder PERSON/IMAGE or "
        "PERSON/CAMERA/IMAGE; or one with query/ and gallery/ of that form",
    )
    parser.add_argument("--model", help="model file: embeds a folder, and keeps the calibration")
    parser.add_argument("--false-match-rate", type=float, default=1e-3, help="(default: %(default)s)")
    parser.add_argument("--json", type=Path, help="also write the calibration to this file")
    return parser


main = subcommand(_parser, _calibrate, also=(TypeError, ValueError))
