"""Find the similarity from which on two images show the same person, for a chosen rate of false matches."""

import argparse
import json
from pathlib import Path

from mdpr.cli.reporting import say, subcommand
from mdpr.files import write_atomically
from mdpr.inference.calibration import Calibration
from mdpr.inference.model_calibration import calibrate_model


def _calibrate(options: argparse.Namespace) -> int:
    found, replaced = calibrate_model(
        options.source, options.model, false_match_rate=options.false_match_rate
    )
    say(_text(found))
    if options.json is not None:
        with write_atomically(options.json) as stream:
            stream.write(json.dumps(found.as_dict(), indent=2) + "\n")
    if replaced is not None:
        say(f"Replaced in {options.model}: {json.dumps(replaced.as_dict())}")
    elif options.model is not None:
        say(f"Stored in {options.model}")
    return 0


def _text(found: Calibration) -> str:
    new = f"among as many new people ({100 * found.level:g} % of the time)"
    false, true = (
        f"{100 * rate:.3g} %; {100 * low:.3g} to {100 * high:.3g} % {new}"
        for rate, (low, high) in (
            (found.achieved_false_match_rate, found.false_match_interval),
            (found.true_match_rate, found.true_match_interval),
        )
    )
    return (
        f"threshold         {found.threshold:.6f}\n"
        f"false-match rate  {false}\n"
        f"true-match rate   {true}\n"
        f"counted           {found.num_images:,} images of {found.num_identities:,} people: "
        f"{found.num_different_pairs:,} pairs of two people, {found.num_same_pairs:,} of one"
    )


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
