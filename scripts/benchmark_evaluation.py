"""Time and memory of evaluation, stage by stage, beside fast-reid's dense algorithms.

Synthetic features of the sizes of Market-1501, DukeMTMC-reID and MSMT17, with a class structure that
gives scores neither perfect nor those of chance, and four sizes that show how cost grows. Memory is the
highest resident size during a stage over that before it (Linux).

    python scripts/benchmark_evaluation.py --docs docs     # everything: figures, tables and plot in docs/
    python scripts/benchmark_evaluation.py --quick         # tries it out, in seconds
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import mdpr  # noqa: F401 -- before fastreid, which it mends

# isort: split
from mdpr.benchmarks.evaluation import measure_dense, measure_growth, measure_ours
from mdpr.benchmarks.evaluation_page import Report, growth_rows, insert
from mdpr.benchmarks.growth_plot import plot_growth
from mdpr.benchmarks.measuring import Bench, describe_machine
from mdpr.benchmarks.retrieval import DATASETS, GROWTH, QUICK, QUICK_GROWTH
from mdpr.errors import MDPRError

PLOT = "evaluation_growth.png"


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="small problems, of seconds")
    parser.add_argument("--datasets", nargs="*", choices=DATASETS, default=list(DATASETS))
    parser.add_argument("--dimensions", nargs="+", type=int, default=[512, 4608])
    parser.add_argument("--no-dense", action="store_true", help="leave out fast-reid's own")
    parser.add_argument("--no-growth", action="store_true", help="leave out the growth curve")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument(
        "--docs",
        type=Path,
        metavar="FOLDER",
        help=f"write evaluation_benchmark.json and {PLOT} there, and the tables into evaluation.md",
    )
    parser.add_argument(
        "--from-json", type=Path, metavar="FILE", help="measure nothing, take these"
    )
    return parser.parse_args(arguments)


def measure(arguments: argparse.Namespace) -> Report:
    # What is made on first use (thread pools, BLAS buffers) belongs to no stage.
    measure_ours(Bench(), QUICK_GROWTH[0], 64)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    bench = Bench()
    sizes = [QUICK] if arguments.quick else [DATASETS[name] for name in arguments.datasets]
    for dimension in arguments.dimensions:
        for size in sizes:
            measure_ours(bench, size, dimension)
            if size.fits_dense and not arguments.no_dense:
                measure_dense(bench, size, dimension)
    if not arguments.no_growth:
        for size in QUICK_GROWTH if arguments.quick else GROWTH:
            measure_growth(bench, size, arguments.dimensions[0])
    return Report(describe_machine(), arguments.quick, bench.measurements)


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parse_arguments(argv)
    report = Report.read(arguments.from_json) if arguments.from_json else measure(arguments)
    print(report.markdown(PLOT))
    if arguments.json:
        report.write(arguments.json)
    if arguments.docs:
        report.write(arguments.docs / "evaluation_benchmark.json")
        if growth_rows(report):
            plot_growth(growth_rows(report), arguments.docs / PLOT)
        try:
            insert(arguments.docs / "evaluation.md", report.markdown(PLOT))
        except (OSError, MDPRError) as error:
            sys.exit(f"error: {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
