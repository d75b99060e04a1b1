"""Read a whole data set: counts, broken images, bad names, leaks between splits."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from fastreid.config import CfgNode, get_cfg

from mdpr.cli.reporting import say, subcommand
from mdpr.config import add_mdpr_config
from mdpr.data.checking.check import check_dataset
from mdpr.data.checking.page import write_page
from mdpr.data.checking.tables import report_text
from mdpr.data.options import add_dataset_keys
from mdpr.data.registry import load_dataset
from mdpr.engine.config_file import merge, option_layer
from mdpr.errors import ConfigError
from mdpr.host import usable_cores


def _check(options: argparse.Namespace) -> int:
    if options.report is not None and options.report.is_dir():
        raise ConfigError(f"--report is the folder {options.report}: expected a file to write")
    cfg = _config(options.settings)
    dataset = load_dataset(options.name, cfg, strict=False, root=options.root)
    report = check_dataset(dataset, workers=options.workers, progress=sys.stderr.isatty())
    say(report_text(report))
    if options.report is not None:
        write_page(report, dataset, options.report)
        say(f"Report: {options.report.absolute()}")
    return report.exit_code


def _config(settings: Sequence[str]) -> CfgNode:
    cfg = get_cfg()
    add_mdpr_config(cfg)
    add_dataset_keys(cfg)
    merge(cfg, option_layer(settings))
    return cfg


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mdpr check-dataset",
        description="Read a whole data set: counts, broken images, bad names, leaks between splits. "
        "Exit code 0: fine; 1: something would make training or the score wrong; 2: not checked.",
    )
    parser.add_argument("name", metavar="NAME", help="data set, such as Market1501")
    parser.add_argument(
        "--root",
        type=Path,
        help="folder of all data sets (default: $FASTREID_DATASETS, or datasets)",
    )
    parser.add_argument(
        "--workers",
        type=_process_count,
        default=usable_cores(),
        help="processes to read with; 0 reads in the main one (default: one per core, %(default)s)",
    )
    parser.add_argument("--report", type=Path, help="HTML file to write the report to")
    parser.add_argument(
        "settings",
        metavar="KEY VALUE",
        nargs="*",
        help="config settings, such as DATASETS.MSMT17.VERSION V2",
    )
    return parser


def _process_count(text: str) -> int:
    count = int(text)
    if count < 0:
        raise argparse.ArgumentTypeError(f"{count}: expected 0 or more processes")
    return count


main = subcommand(_parser, _check, failed=2)
