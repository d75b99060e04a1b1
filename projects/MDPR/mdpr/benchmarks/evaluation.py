"""The stages of an evaluation, ours and fast-reid's, each timed."""

import contextlib
import io
from functools import partial

import numpy as np
import torch
from fastreid.evaluation.rank import eval_market1501
from fastreid.utils.compute_dist import compute_cosine_distance, compute_jaccard_distance
from numpy.typing import NDArray

from mdpr.benchmarks.measuring import Bench
from mdpr.benchmarks.retrieval import Size, synthetic_features
from mdpr.evaluation import RankingResult, RerankedDistances, RerankOptions, rank, rank_features
from mdpr.evaluation.distances.feature_distances import RetrievalFeatures
from mdpr.evaluation.reranking.neighbours import nearest_neighbours

__all__ = ["measure_dense", "measure_growth", "measure_ours"]


def measure_ours(bench: Bench, size: Size, dimension: int) -> None:
    """Measure ranking, re-ranking, and ranking by re-ranked distances."""
    query, gallery, labels = synthetic_features(size, dimension)

    stage = partial(bench.stage, size.name, dimension)
    stage("rank", lambda: rank_features(query, gallery, labels), _map_percent)
    source = stage("re-rank: encode", lambda: RerankedDistances(query, gallery))
    if size.fits_dense:  # fast-reid's returns distances, so these alone are what compares with it
        stage("re-rank: distances", lambda: _make_all_rows(source))
    stage("re-rank: distances and rank", lambda: rank(source, labels), _map_percent)


def measure_growth(bench: Bench, size: Size, dimension: int) -> None:
    """Measure what grows with the product of the numbers of images apart from what does not."""
    query, gallery, labels = synthetic_features(size, dimension)

    stage = partial(bench.stage, size.name, dimension)
    stage("growth: rank", lambda: rank_features(query, gallery, labels))
    images = RetrievalFeatures.from_features(query, gallery, "cosine").images
    options = RerankOptions()
    stage("growth: neighbours", lambda: nearest_neighbours(images, options.k1))
    source = stage("growth: neighbours and encode", lambda: RerankedDistances(query, gallery))
    stage("growth: distances and rank", lambda: rank(source, labels))


def measure_dense(bench: Bench, size: Size, dimension: int) -> None:
    """Measure those of fast-reid's functions that run on a CPU."""
    query, gallery, labels = synthetic_features(size, dimension)
    tensors = torch.from_numpy(query), torch.from_numpy(gallery)
    options = RerankOptions()

    def dense_rank(distances: NDArray[np.float32]) -> float:
        with contextlib.redirect_stdout(io.StringIO()):
            _, precisions, _ = eval_market1501(
                distances,
                labels.query_person,
                labels.gallery_person,
                labels.query_camera,
                labels.gallery_camera,
                50,
            )
        return 100 * float(np.mean(precisions))

    def dense_rerank(original: NDArray[np.float32]) -> NDArray[np.float32]:
        images = torch.nn.functional.normalize(torch.cat(tensors), dim=1)
        # The one of its search options that needs no GPU.
        jaccard = compute_jaccard_distance(images, options.k1, options.k2, search_option=3)
        jaccard = jaccard[: len(query), len(query) :]
        weight = options.original_weight
        return jaccard * (1 - weight) + original * weight

    stage = partial(bench.stage, size.name, dimension)
    distances = stage("fast-reid: distances", lambda: compute_cosine_distance(*tensors))
    stage("fast-reid: rank", lambda: dense_rank(distances), float)
    stage("fast-reid: re-rank", lambda: dense_rerank(distances))


def _map_percent(result: RankingResult) -> float:
    return 100 * result.mean_average_precision


def _make_all_rows(source: RerankedDistances, block_rows: int = 512) -> None:
    for start in range(0, source.num_query, block_rows):
        source.rows(start, min(start + block_rows, source.num_query))
