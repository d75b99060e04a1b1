"""``mdpr SUBCOMMAND ...``: find the subcommand's module, and hand the rest of the line to it."""

import argparse
import importlib
import sys
from collections.abc import Sequence

from mdpr.errors import did_you_mean

SUBCOMMANDS = {
    "train": "train or evaluate a network",
    "watch": "say how far a run is, and open its curves while it goes on",
    "evaluate-features": "score saved features, without a network",
    "check-dataset": "read a whole data set and say what would go wrong",
    "calibrate": "find the threshold for a chosen rate of false matches",
    "compare": "say how alike two images are, and whether they show one person",
    "attention": "draw where a model looks",
    "extract": "features of images, folders, CSV files or videos, in one file",
    "convert": "convert weights of the authors' release, or back to it",
    "pack": "put a trained model into one file, with all that using it takes",
    "export": "write a model as a file for other programs, and compare it with the model",
    "benchmark-inference": "time every way to run a model on this machine",
    "describe": "say what is in a model file",
    "compress": "make the embeddings of a model file short",
    "curves": "CMC, ROC, similarities, losses and more as pictures, from the files of runs",
    "rank-lists": "what single queries found, as a page, from saved rankings",
    "study": "run configs with several seeds, and say how sure their differences are",
    "report": "a run, or several compared, as one page that opens offline",
    "replay": "compute a step that was not finite again, and say where it breaks",
    "gallery": "keep known images of persons, and find whom a new one shows",
    "doctor": "check this machine: what is installed, and whether it computes what it should",
}
"""What each does; `module_of` says where it lives."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand.

    Args:
        arguments: the command line without the program's name; None takes that of this process.

    Returns:
        The exit code: that of the subcommand, or 2 where there is no such subcommand.
    """
    name, *rest = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if name.startswith("-"):
        _parser().parse_args([name])
    if name not in SUBCOMMANDS:
        sys.stderr.write(
            f"error: mdpr has no subcommand {name!r}: expected one of {', '.join(SUBCOMMANDS)}"
            f"{did_you_mean(name, SUBCOMMANDS)}\n"
        )
        return 2
    return importlib.import_module(module_of(name)).main(rest)


def module_of(name: str) -> str:
    """Where a subcommand is: ``check-dataset`` in `mdpr.cli.check_dataset`, the doctor in its own package."""
    return "mdpr_doctor.command" if name == "doctor" else f"mdpr.cli.{name.replace('-', '_')}"


def _parser() -> argparse.ArgumentParser:
    width = max(map(len, SUBCOMMANDS))
    lines = [f"  {name:{width}}  {purpose}" for name, purpose in SUBCOMMANDS.items()]
    return argparse.ArgumentParser(
        prog="mdpr",
        usage="mdpr SUBCOMMAND ...  (`mdpr SUBCOMMAND --help` says more)",
        description="subcommands:\n" + "\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
