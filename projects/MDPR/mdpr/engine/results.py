"""What an evaluation found, as a file."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tabulate import tabulate

from mdpr.files import write_atomically

FINGERPRINT = "fingerprint"  # what the results stand on: an entry beside the data sets
SCORE_NAMES = ("mAP", "Rank-1", "Rank-5", "Rank-10", "mINP")


def write_results(
    output_dir: str | Path,
    results: Mapping[str, Mapping[str, float]],
    fingerprint: Mapping[str, Any] | None = None,
) -> Path:
    """Write ``results.json``.

    Args:
        output_dir: folder of the run.
        results: per data set, with ``+rerank`` behind its name where re-ranked, the metrics in
            percent.
        fingerprint: what they stand on, of `mdpr.engine.fingerprint.fingerprint_of`; None where unknown.

    Returns:
        The file written.
    """
    path = Path(output_dir) / "results.json"
    content: dict[str, Any] = {
        name: {metric: float(metrics[metric]) for metric in SCORE_NAMES if metric in metrics}
        for name, metrics in results.items()
    }
    if fingerprint is not None:
        content[FINGERPRINT] = dict(fingerprint)
    with write_atomically(path) as file:
        json.dump(content, file, indent=2)
        file.write("\n")
    return path


def read_results(output_dir: str | Path) -> tuple[dict[str, dict[str, float]], dict[str, Any]]:
    """Read ``results.json``.

    Returns:
        The metrics in percent per data set, as `write_results` was given, and their fingerprint; empty where
        the file has none.

    Raises:
        FileNotFoundError: nothing was evaluated in that folder.
    """
    content = json.loads((Path(output_dir) / "results.json").read_text(encoding="utf-8"))
    fingerprint = content.pop(FINGERPRINT, {})
    return content, fingerprint


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
