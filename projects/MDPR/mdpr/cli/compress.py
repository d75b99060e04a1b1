"""Make the embeddings of a model short: a PCA, fitted on features of its training images."""

import argparse
from pathlib import Path

from mdpr.cli.reporting import say, subcommand
from mdpr.errors import InputError
from mdpr.inference.compression import WHITENING, compress
from mdpr.inference.stored_form import FORMS, bytes_of


def _compress(options: argparse.Namespace) -> int:
    target = options.out or options.model
    if target is None:
        raise InputError("nothing to write: name the model file by --model, or another file by --out")
    compress(
        options.features,
        options.dims,
        target,
        model=options.model,
        stored_as=options.stored_as,
        whitening=options.whitening,
        overwrite=options.force,
    )
    size = bytes_of(options.stored_as, options.dims)
    say(f"Wrote {target}: {options.dims} numbers, {size} bytes an embedding as {options.stored_as}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mdpr compress", description=__doc__)
    parser.add_argument("features", type=Path, help="npz with features (N, D) of the training images")
    parser.add_argument("--dims", type=int, required=True, help="numbers that are left")
    parser.add_argument("--model", type=Path, help="the model file whose features these are")
    parser.add_argument(
        "--out",
        type=Path,
        help="the file to write: the model file with it; without --model the PCA alone",
    )
    parser.add_argument(
        "--whitening",
        type=float,
        default=WHITENING,
        help="power of the standard deviation that each number is divided by: 0 for a plain PCA, 1 for a "
        "whitened one (default: %(default)s)",
    )
    kinds = parser.add_mutually_exclusive_group()
    for form in FORMS[1:]:
        kinds.add_argument(
            f"--{form}",
            dest="stored_as",
            action="store_const",
            const=form,
            default=FORMS[0],
            help=f"embeddings are to be kept as {form}",
        )
    parser.add_argument("--force", action="store_true", help="replace the file that is there")
    return parser


main = subcommand(_parser, _compress, also=(TypeError, ValueError))
