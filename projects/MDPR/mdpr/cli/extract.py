"""Extract the features of images, folders, CSV files, videos or a data set into one file."""

import argparse
import sys
from pathlib import Path

from fastreid.config import get_cfg

from mdpr.cli.reporting import say, subcommand
from mdpr.config import add_mdpr_config
from mdpr.data.options import add_dataset_keys
from mdpr.data.registry import load_dataset
from mdpr.errors import InputError
from mdpr.host import usable_cores
from mdpr.inference.embedder import Embedder
from mdpr.inference.extraction import Row, extract, rows_of, rows_of_dataset

FAILED_SHOWN = 10


def _extract(options: argparse.Namespace) -> int:
    rows = _rows(options)
    # A video is decoded in order, by each loader process anew.
    workers = 1 if any(row.frame for row in rows) else min(4, usable_cores())
    written, failed = extract(
        rows,
        options.out,
        Embedder.from_file(options.model, options.device, options.precision, options.batch_size),
        normalize=not options.no_normalize,
        workers=workers if options.workers is None else options.workers,
        force=options.force,
        restart=options.restart,
        progress=sys.stderr.isatty(),
    )
    say(f"Wrote {options.out}: {written:,} features")
    if failed:
        lines = [f"    {name}: {reason}\n" for name, reason in failed[:FAILED_SHOWN]]
        more = f"    ... and {len(failed) - FAILED_SHOWN:,} more\n" if failed[FAILED_SHOWN:] else ""
        sys.stderr.write(f"warning: {len(failed):,} could not be read; the file lists them:\n")
        sys.stderr.write("".join([*lines, more]))
    return 0


def _rows(options: argparse.Namespace) -> list[Row]:
    if bool(options.sources) == (options.dataset is not None):
        raise InputError("expected either what to extract, PATH..., or --dataset NAME")
    if options.dataset is None:
        return rows_of(options.sources, boxes=options.boxes, whole_frames=options.whole_frames)
    cfg = get_cfg()
    add_mdpr_config(cfg)
    add_dataset_keys(cfg)
    return rows_of_dataset(load_dataset(options.dataset, cfg))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mdpr extract",
        description=f"{__doc__} Killed, the same command goes on where it was. Exit code 0: the file is "
        "there, without the images that cannot be read, which a warning lists; 1: it is not.",
    )
    add = parser.add_argument
    add("sources", metavar="PATH", nargs="*", help="image, folder, 'pattern', CSV file or video")
    add("--model", required=True, help="model file (.safetensors)")
    add("--out", type=Path, required=True, help="file to write: .npz, .npy or .parquet")
    add("--dataset", metavar="NAME", help="query and gallery of a data set, such as Market1501")
    add("--boxes", action="append", default=[], metavar="FILE", help="MOT text file of a video; one each")
    add("--whole-frames", action="store_true", help="take the whole frames of videos")
    add("--no-normalize", action="store_true", help="leave features at the length that they have")
    add("--device", help="such as cpu or cuda (default: a GPU if there is one)")
    add("--precision", choices=("fp32", "bf16"), default="fp32")
    add("--batch-size", type=int, default=32, help="images that the network sees at a time (%(default)s)")
    add("--workers", type=int, help="loader processes (default: a core each, 4 at most; 1 for videos)")
    add("--force", action="store_true", help="replace the file")
    add("--restart", action="store_true", help="begin anew, whatever a killed command has done")
    return parser


main = subcommand(_parser, _extract)
