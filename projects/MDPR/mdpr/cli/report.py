"""Put a run, or several side by side, on one HTML page that opens offline; nothing is evaluated again."""

import argparse
from pathlib import Path

from mdpr.cli.reporting import say, subcommand
from mdpr.host import usable_cores
from mdpr.visualization.report.page import write_report


def _report(options: argparse.Namespace) -> int:
    page = write_report(
        options.runs, options.out, images=options.images, workers=usable_cores(), overwrite=options.force
    )
    say(f"Report: {page.absolute()}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mdpr report", description=__doc__)
    add = parser.add_argument
    add("runs", type=Path, nargs="+", metavar="RUN", help="folder of a run; the first is compared with")
    add("--out", type=Path, help="page (.html; default: report.html in the first folder)")
    add("--images", type=Path, help="folder of images that are no longer where the rankings say")
    add("--force", action="store_true", help="replace a page that is there")
    return parser


main = subcommand(_parser, _report, also=(TypeError, ValueError))
