"""Draw CMC, ROC, DET, similarities, average precision, cameras, losses and an embedding map as PNG files."""

import argparse
from pathlib import Path

from mdpr.cli.reporting import say, subcommand
from mdpr.visualization.curves import EMBEDDING_MAPS, write_curves


def _curves(options: argparse.Namespace) -> int:
    for picture in write_curves(options.sources, options.out, embedding=options.embedding):
        say(str(picture.absolute()))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mdpr curves", description=__doc__)
    parser.add_argument(
        "sources",
        nargs="+",
        type=Path,
        metavar="RUN_OR_FILE",
        help="folder of a run, its metrics.json, or saved rankings or features (.npz)",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the pictures")
    parser.add_argument("--embedding", choices=EMBEDDING_MAPS, default="pca", help="(default: %(default)s)")
    return parser


main = subcommand(_parser, _curves, also=(TypeError, ValueError))
