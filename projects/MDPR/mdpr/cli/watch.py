"""Say how far a run is, and show its curves and last rank lists while it goes on, on TensorBoard's page."""

import argparse
import signal
from contextlib import suppress
from pathlib import Path

from mdpr.cli.reporting import say, subcommand
from mdpr.engine.reporting.run_status import run_status
from mdpr.engine.reporting.tensorboard_page import open_tensorboard


def _watch(options: argparse.Namespace) -> int:
    say(run_status(options.run))
    if options.once:
        return 0
    url = open_tensorboard(options.run, host=options.host, port=options.port)
    say(f"\nTensorBoard: {url}  (Ctrl-C closes it; the run goes on)")
    with suppress(KeyboardInterrupt):
        signal.pause()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mdpr watch", description=__doc__)
    add = parser.add_argument
    add("run", type=Path, metavar="RUN", help="OUTPUT_DIR of the run")
    add("--once", action="store_true", help="only say how far it is")
    add("--host", help="to listen on (default: localhost, for this machine alone)")
    add("--port", type=int, help="(default: 6006, or the next that is free)")
    return parser


main = subcommand(_parser, _watch)
