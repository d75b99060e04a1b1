"""What an evaluation found, as a file."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tabulate import tabulate

from mdpr.files import write_atomically

SCORE_NAMES = ("mAP", "Rank-1", "Rank-5", "Rank-10", "mINP")


def write_results(output_dir: str | Path, results: Mapping[str, Mapping[str, float]]) -> Path:
    """Write ``results.json``.

    Args:
        output_dir: folder of the run.
        results: per data set, with ``+rerank`` behind its name where re-ranked, the metrics in
            percent.

    Returns:
        The file written.
    """
    path = Path(output_dir) / "results.json"
    content = {
        name: {metric: float(metrics[metric]) for metric in SCORE_NAMES if metric in metrics}
        for name, metrics in results.items()
    }
    with write_atomically(path) as file:
        json.dump(content, file, indent=2)
        file.write("\n")
    return path


def read_results(output_dir: str | Path) -> dict[str, Any]:
    """What ``results.json`` of a run's folder holds; empty where there is none yet."""
    path = Path(output_dir) / "results.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def results_table(results: Mapping[str, Mapping[str, float]]) -> str:
    """Lay out metrics, a row for each data set and setting.

    Returns:
        A table of several lines, in percent but for TPR@FPR.
    """
    columns = list(SCORE_NAMES)
    for metrics in results.values():
        columns += [name for name in metrics if name not in columns and name != "metric"]
    rows = [[name, *(metrics.get(column) for column in columns)] for name, metrics in results.items()]
    formats = ["", *(".4f" if column.startswith("TPR") else ".2f" for column in columns)]
    return tabulate(rows, ["data set", *columns], tablefmt="github", floatfmt=formats)
