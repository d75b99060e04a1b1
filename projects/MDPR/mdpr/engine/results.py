"""What an evaluation found, as a file."""

import json
from collections.abc import Mapping
from pathlib import Path

from mdpr.files import write_atomically

__all__ = ["METRICS", "write_results"]

METRICS = ("mAP", "Rank-1", "Rank-5", "Rank-10", "mINP")


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
        name: {metric: float(metrics[metric]) for metric in METRICS if metric in metrics}
        for name, metrics in results.items()
    }
    with write_atomically(path) as file:
        json.dump(content, file, indent=2)
        file.write("\n")
    return path
