"""Time every way to run a model on this machine: PyTorch, deployed, compiled, ONNX Runtime, OpenVINO."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from tabulate import tabulate

from mdpr.cli.reporting import say, subcommand
from mdpr.files import write_atomically
from mdpr.inference.timing import timings


def _benchmark(options: argparse.Namespace) -> int:
    found = list(timings(options.model, options.batches, seconds=options.seconds, images=options.images))
    rows = [
        [one.form, *(one.milliseconds.get(batch) for batch in options.batches), one.start, one.megabytes]
        for one in found
    ]
    headers = ("", *(f"ms/image of {batch}" for batch in options.batches), "start, s", "MB")
    say(tabulate(rows, headers, floatfmt=".1f"))
    for one in found:
        if one.failure:
            say(f"{one.form} did not run: {one.failure}")
    if options.json:
        with write_atomically(options.json) as file:
            json.dump([asdict(one) for one in found], file, indent=1)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mdpr benchmark-inference", description=__doc__)
    parser.add_argument("model", type=Path, help="a model file, or the folder of a run")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8, 32], help="images at a time")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each batch size, about")
    parser.add_argument("--images", type=Path, nargs="+", default=[], help="for the ranges of INT8")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    return parser


main = subcommand(_parser, _benchmark)
