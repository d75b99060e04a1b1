"""Show what single queries found, as one HTML page, from saved rankings (TEST.MDPR.SAVE_RANKINGS)."""

import argparse
from pathlib import Path

from mdpr.cli.reporting import say, subcommand
from mdpr.errors import InputError
from mdpr.visualization.rank_lists import write_rank_lists


def _rank_lists(options: argparse.Namespace) -> int:
    files = [file for file in (options.rankings, options.other) if file is not None]
    for name in ("count", "length"):
        if getattr(options, name) < 1:
            raise InputError(f"--{name} is {getattr(options, name)}: expected 1 or more")
    page = write_rank_lists(
        files,
        options.out,
        images=options.images,
        model=options.model,
        count=options.count,
        length=options.length,
        seed=options.seed,
    )
    say(f"Rank lists: {page.absolute()}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mdpr rank-lists", description=__doc__)
    add = parser.add_argument
    add("rankings", type=Path, metavar="RANKINGS.npz", help="what an evaluation saved")
    add(
        "other",
        type=Path,
        nargs="?",
        metavar="OTHER.npz",
        help="side by side: re-ranked, or of another model",
    )
    add("--out", type=Path, required=True, help="page (.html), or a folder for rank_lists.html")
    add("--images", type=Path, help="folder of images that are no longer where the file says")
    add("--model", type=Path, help="calibrated model file of the first: show its probabilities")
    add("--count", type=int, default=8, help="queries of each group (default: %(default)s)")
    add("--length", type=int, default=10, help="images of each ranking (default: %(default)s)")
    add("--seed", type=int, default=0, help="of the random queries (default: %(default)s)")
    return parser


main = subcommand(_parser, _rank_lists, also=(TypeError, ValueError))
