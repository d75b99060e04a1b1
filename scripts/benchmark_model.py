"""Time and memory of the network: training steps, the deployed form, how both grow, and a cold start.

Every measurement has a process of its own. Peak memory is the highest resident size over that before the
network was built (Linux). The machine should do nothing else meanwhile.

    python scripts/benchmark_model.py --docs docs     # everything: figures, tables and plot in docs/
    python scripts/benchmark_model.py --quick         # tries it out, in a minute
"""

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from mdpr.benchmarks.evaluation_page import insert
from mdpr.benchmarks.model.growth_plot import plot_growth
from mdpr.benchmarks.model.plan import plan
from mdpr.benchmarks.model.run import measure_all
from mdpr.benchmarks.model.tables import markdown
from mdpr.errors import MDPRError
from mdpr.files import write_atomically

CONFIG = Path(__file__).resolve().parents[1] / "configs/Base-MDPR.yml"
PLOT = "speed_growth.png"


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="small networks, of seconds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    parser.add_argument(
        "--docs",
        type=Path,
        metavar="FOLDER",
        help=f"write speed_benchmark.json and {PLOT} there, and the tables into speed.md",
    )
    parser.add_argument(
        "--from-json", type=Path, metavar="FILE", help="measure nothing, take these"
    )
    return parser.parse_args(arguments)


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parse_arguments(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if arguments.from_json:
        results = json.loads(arguments.from_json.read_text())
    else:
        results = measure_all(plan(arguments.quick), str(CONFIG), arguments.quick)
    print(markdown(results, PLOT))
    files = [arguments.json] if arguments.json else []
    if arguments.docs:
        files.append(arguments.docs / "speed_benchmark.json")
    for file in files:
        with write_atomically(file) as stream:
            stream.write(json.dumps(results, indent=1) + "\n")
    if arguments.docs:
        plot_growth(results, arguments.docs / PLOT)
        try:
            insert(arguments.docs / "speed.md", markdown(results, PLOT))
        except (OSError, MDPRError) as error:
            sys.exit(f"error: {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
