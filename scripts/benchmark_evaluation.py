"""Time and memory of evaluation, stage by stage, beside fast-reid's dense algorithms.

Synthetic features of the sizes of Market-1501, DukeMTMC-reID and MSMT17, with a class structure
that gives scores neither perfect nor those of chance. Memory is the highest resident size during
a stage over that before it (Linux).
"""

import argparse
import contextlib
import gc
import io
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import mdpr  # noqa: F401 -- before fastreid, which it mends

# isort: split
import numpy as np
import torch
from fastreid.evaluation.rank import eval_market1501
from fastreid.utils.compute_dist import compute_cosine_distance, compute_jaccard_distance
from mdpr.evaluation import (
    RankingResult,
    RerankedDistances,
    RerankOptions,
    RetrievalLabels,
    rank,
    rank_features,
)
from numpy.typing import NDArray
from tabulate import tabulate


@dataclass(frozen=True)
class Size:
    name: str
    num_query: int
    num_gallery: int
    num_people: int
    num_cameras: int

    @property
    def fits_dense(self) -> bool:
        """Whether three dense N x N float32 matrices stay below 8 GB."""
        return 12 * (self.num_query + self.num_gallery) ** 2 < 8e9


DATASETS = {
    "market": Size("Market-1501", 3368, 15913, 750, 6),
    "duke": Size("DukeMTMC-reID", 2228, 17661, 702, 8),
    "msmt17": Size("MSMT17", 11659, 82161, 3060, 15),
}
QUICK = Size("quick", 100, 500, 60, 6)
# Queries and gallery grow together, as do the persons.
GROWTH = [Size(f"growth x{n}", 500 * n, 4500 * n, 200 * n, 6) for n in (1, 2, 4, 8)]
QUICK_GROWTH = [Size(f"growth x{n}", 50 * n, 450 * n, 20 * n, 6) for n in (1, 2, 4, 8)]
NOISE_RANK = 64


@dataclass(frozen=True)
class Measurement:
    size: str
    dimension: int
    stage: str
    seconds: float
    peak_megabytes: float | None
    mean_average_precision: float | None = None


def synthetic_features(
    size: Size, dimension: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], RetrievalLabels]:
    """Make (Q, D) and (G, D) features: person + shared nuisance directions + noise."""
    random = np.random.default_rng(0)
    people = random.standard_normal((size.num_people, dimension), dtype=np.float32)
    nuisance = random.standard_normal((NOISE_RANK, dimension), dtype=np.float32)
    labels = RetrievalLabels(
        random.integers(0, size.num_people, size.num_query),
        random.integers(0, size.num_cameras, size.num_query),
        random.integers(0, size.num_people, size.num_gallery),
        random.integers(0, size.num_cameras, size.num_gallery),
    )

    def features(person: NDArray[np.int64]) -> NDArray[np.float32]:
        amounts = random.standard_normal((len(person), NOISE_RANK), dtype=np.float32)
        noise = random.standard_normal((len(person), dimension), dtype=np.float32)
        noise += people[person]
        noise += 0.18 * amounts @ nuisance
        return noise

    return features(labels.query_person), features(labels.gallery_person), labels


class Bench:
    """Runs stages and keeps what they took."""

    def __init__(self) -> None:
        self.measurements: list[Measurement] = []

    def stage(self, size: Size, dimension: int, name: str, run: Callable[[], Any]) -> Any:
        """Run one stage; a `RankingResult` also leaves its mAP."""
        gc.collect()
        reset_peak_memory()
        before = memory_megabytes("VmRSS")
        start = time.perf_counter()
        result = run()
        seconds = time.perf_counter() - start
        peak = memory_megabytes("VmHWM")
        measurement = Measurement(
            size.name,
            dimension,
            name,
            round(seconds, 3),
            None if peak is None or before is None else round(peak - before, 1),
            100 * result.mean_average_precision if isinstance(result, RankingResult) else None,
        )
        self.measurements.append(measurement)
        print(f"{size.name}, {dimension}-d, {name}: {seconds:.2f} s", file=sys.stderr, flush=True)
        return result


def reset_peak_memory() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def memory_megabytes(field: str) -> float | None:
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    line = next(line for line in status.splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


def measure_ours(bench: Bench, size: Size, dimension: int) -> None:
    query, gallery, labels = synthetic_features(size, dimension)
    bench.stage(size, dimension, "ours: rank", lambda: rank_features(query, gallery, labels))
    source = bench.stage(
        size, dimension, "ours: re-rank, encode", lambda: RerankedDistances(query, gallery)
    )
    bench.stage(size, dimension, "ours: re-rank, distances", lambda: make_all_rows(source))
    bench.stage(size, dimension, "ours: re-rank, distances + rank", lambda: rank(source, labels))


def make_all_rows(source: RerankedDistances, block_rows: int = 256) -> None:
    for start in range(0, source.num_query, block_rows):
        source.rows(start, min(start + block_rows, source.num_query))


def measure_dense(bench: Bench, size: Size, dimension: int) -> None:
    """Measure fast-reid's functions, those that run on a CPU."""
    query, gallery, labels = synthetic_features(size, dimension)
    tensors = torch.from_numpy(query), torch.from_numpy(gallery)
    options = RerankOptions()

    def dense_rank(distances: NDArray[np.float32]) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            eval_market1501(
                distances,
                labels.query_person,
                labels.gallery_person,
                labels.query_camera,
                labels.gallery_camera,
                50,
            )

    def dense_rerank(original: NDArray[np.float32]) -> NDArray[np.float32]:
        images = torch.nn.functional.normalize(torch.cat(tensors), dim=1)
        jaccard = compute_jaccard_distance(images, options.k1, options.k2, search_option=3)
        jaccard = jaccard[: len(query), len(query) :]
        weight = options.original_weight
        return jaccard * (1 - weight) + original * weight

    distances = bench.stage(
        size, dimension, "fast-reid: distances", lambda: compute_cosine_distance(*tensors)
    )
    bench.stage(size, dimension, "fast-reid: rank", lambda: dense_rank(distances))
    bench.stage(size, dimension, "fast-reid: re-rank", lambda: dense_rerank(distances))


def runs(arguments: argparse.Namespace) -> Iterator[tuple[Size, int]]:
    if arguments.quick:
        yield from ((QUICK, dimension) for dimension in arguments.dimensions)
        return
    for dimension in arguments.dimensions:
        for name in arguments.datasets:
            yield DATASETS[name], dimension


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small run, of seconds")
    parser.add_argument("--datasets", nargs="+", choices=DATASETS, default=list(DATASETS))
    parser.add_argument("--dimensions", nargs="+", type=int, default=[512, 4608])
    parser.add_argument("--no-dense", action="store_true", help="leave out fast-reid's own")
    parser.add_argument("--no-growth", action="store_true", help="leave out the growth curve")
    parser.add_argument("--json", type=Path, help="also write the measurements to this file")
    return parser.parse_args(arguments)


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parse_arguments(argv)
    bench = Bench()
    # What is made on first use (thread pools, BLAS buffers) belongs to no stage.
    measure_ours(Bench(), QUICK_GROWTH[0], 64)
    for size, dimension in runs(arguments):
        measure_ours(bench, size, dimension)
        if size.fits_dense and not arguments.no_dense:
            measure_dense(bench, size, dimension)
    if not arguments.no_growth:
        for size in QUICK_GROWTH if arguments.quick else GROWTH:
            measure_ours(bench, size, 512)
    rows = [list(asdict(measurement).values()) for measurement in bench.measurements]
    headers = ["size", "dim", "stage", "s", "peak MB", "mAP %"]
    print(tabulate(rows, headers, tablefmt="github", floatfmt=("", "", "", ".2f", ".0f", ".1f")))
    if arguments.json:
        rows_json = [asdict(measurement) for measurement in bench.measurements]
        arguments.json.write_text(json.dumps(rows_json, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
