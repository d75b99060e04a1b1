"""Time and memory of evaluation, stage by stage, beside fast-reid's dense algorithms.

Synthetic features of the sizes of Market-1501, DukeMTMC-reID and MSMT17, with a class structure that
gives scores neither perfect nor those of chance, and four sizes that show how cost grows. Each has a process
of its own. Memory is the highest resident size during a stage over that before it (Linux).

    python scripts/benchmarks/evaluation.py --docs docs     # everything: figures, tables and plot in docs/
    python scripts/benchmarks/evaluation.py --quick         # tries it out, in seconds
"""

import argparse
import contextlib
import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import mdpr  # noqa: F401 -- before fastreid, which it mends

if __name__ == "__main__":  # run as a file, which puts its own folder on the path
    sys.path[0] = str(Path(__file__).resolve().parents[1])

# isort: split
import numpy as np
import torch
from fastreid.evaluation.rank import eval_market1501
from fastreid.utils.compute_dist import compute_cosine_distance, compute_jaccard_distance
from mdpr.evaluation import (
    RankingResult,
    RerankedDistances,
    RerankOptions,
    RetrievalFeatures,
    rank,
    rank_features,
)
from mdpr.evaluation.reranking.neighbours import nearest_neighbours
from numpy.typing import NDArray

from benchmarks.evaluation_tables import PAGE
from benchmarks.measuring import Case, Row, Stages, describe_machine, measure_all
from benchmarks.pages import Results, argument_parser, run
from benchmarks.retrieval import DATASETS, GROWTH, QUICK, QUICK_GROWTH, Size, synthetic_features


def measure_ours(size: Size, dimension: int) -> list[Row]:
    """Ranking, re-ranking, and ranking by re-ranked distances."""
    _warm_up()
    query, gallery, labels = synthetic_features(size, dimension)
    stages = Stages()
    stages.run("rank", lambda: rank_features(query, gallery, labels), _map_percent)
    source = stages.run("re-rank: encode", lambda: _reranked(query, gallery))
    if size.fits_dense:  # fast-reid's returns distances, so these alone are what compares with it
        stages.run("re-rank: distances", lambda: _make_all_rows(source))
    stages.run("re-rank: distances and rank", lambda: rank(source, labels), _map_percent)
    return stages


def measure_growth(size: Size, dimension: int) -> list[Row]:
    """What grows with the product of the numbers of images apart from what does not."""
    _warm_up()
    query, gallery, labels = synthetic_features(size, dimension)
    stages = Stages()
    stages.run("growth: rank", lambda: rank_features(query, gallery, labels))
    images = RetrievalFeatures.from_features(query, gallery).images
    nearest = RerankOptions().k1
    stages.run("growth: neighbours", lambda: nearest_neighbours(images, nearest))
    source = stages.run("growth: neighbours and encode", lambda: _reranked(query, gallery))
    stages.run("growth: distances and rank", lambda: rank(source, labels))
    return stages


def measure_dense(size: Size, dimension: int) -> list[Row]:
    """Those of fast-reid's functions that run on a CPU."""
    _warm_up()
    query, gallery, labels = synthetic_features(size, dimension)
    tensors = torch.from_numpy(query), torch.from_numpy(gallery)
    options = RerankOptions()

    def dense_rank(distances: NDArray[np.float32]) -> float:
        people, cameras = "query_person gallery_person", "query_camera gallery_camera"
        columns = [getattr(labels, name) for name in f"{people} {cameras}".split()]
        with contextlib.redirect_stdout(io.StringIO()):
            _, precisions, _ = eval_market1501(distances, *columns, 50)
        return 100 * float(np.mean(precisions))

    def dense_rerank(original: NDArray[np.float32]) -> NDArray[np.float32]:
        images = torch.nn.functional.normalize(torch.cat(tensors), dim=1)
        # The one of its search options that needs no GPU.
        jaccard = compute_jaccard_distance(images, options.k1, options.k2, search_option=3)
        jaccard = jaccard[: len(query), len(query) :]
        weight = options.original_weight
        return jaccard * (1 - weight) + original * weight

    stages = Stages()
    distances = stages.run("fast-reid: distances", lambda: compute_cosine_distance(*tensors))
    stages.run("fast-reid: rank", lambda: dense_rank(distances), float)
    stages.run("fast-reid: re-rank", lambda: dense_rerank(distances))
    return stages


def _warm_up() -> None:
    """What is made on first use (thread pools, BLAS buffers) belongs to no stage."""
    query, gallery, labels = synthetic_features(QUICK_GROWTH[0], 64)
    rank_features(query, gallery, labels)
    rank(_reranked(query, gallery), labels)


def _reranked(query: NDArray[np.float32], gallery: NDArray[np.float32]) -> RerankedDistances:
    return RerankedDistances(RetrievalFeatures.from_features(query, gallery))


def _map_percent(result: RankingResult) -> float:
    return 100 * result.mean_average_precision


def _make_all_rows(source: RerankedDistances, block_rows: int = 512) -> None:
    for start in range(0, source.num_query, block_rows):
        source.rows(start, min(start + block_rows, source.num_query))


def cases(arguments: argparse.Namespace) -> Iterator[Case]:
    """What is measured, in order."""
    for dimension in arguments.dimensions:
        for size in [QUICK] if arguments.quick else [DATASETS[name] for name in arguments.datasets]:
            names = {"problem": size.name, "dimension": dimension}
            yield Case(names, measure_ours, (size, dimension))
            if size.fits_dense and not arguments.no_dense:
                yield Case(names, measure_dense, (size, dimension))
    if not arguments.no_growth:
        dimension = arguments.dimensions[0]
        for size in QUICK_GROWTH if arguments.quick else GROWTH:
            names = {"problem": size.name, "dimension": dimension}
            yield Case(names, measure_growth, (size, dimension))


def measure(arguments: argparse.Namespace) -> Results:
    """Machine, whether it was a trial run, and the stages of each problem."""
    measured = measure_all(cases(arguments), quick=arguments.quick)
    return {"machine": describe_machine(), "quick": arguments.quick, "measurements": measured}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argument_parser(__doc__, PAGE)
    parser.add_argument("--datasets", nargs="*", choices=DATASETS, default=list(DATASETS))
    parser.add_argument("--dimensions", nargs="+", type=int, default=[512, 4608])
    parser.add_argument("--no-dense", action="store_true", help="leave out fast-reid's own")
    parser.add_argument("--no-growth", action="store_true", help="leave out the growth curve")
    return run(PAGE, parser.parse_args(argv), measure)


if __name__ == "__main__":
    sys.exit(main())
