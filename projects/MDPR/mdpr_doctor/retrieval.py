"""Checks of evaluation: against plain loops, the GPU's bits against the CPU's, faiss on a GPU."""

import time

import faiss
import mdpr.host  # noqa: F401 - before fast-reid, which it mends
import numpy as np
import torch
from mdpr.evaluation import RerankOptions, SavedFeatures, score_saved_features
from numpy.typing import NDArray

from mdpr_doctor import dense
from mdpr_doctor.finding import Finding, failed, not_here, ok

RERANK = RerankOptions(k1=20, k2=6, original_weight=0.3)
_EQUAL = 1e-4  # percentage points
_DEFECT = "scores of this machine are wrong: try other versions of numpy, scipy, faiss, torch"


def random_features(queries: int, dimension: int) -> SavedFeatures:
    """Features of some people, neither perfect nor chance, some of them twice; six gallery images a query."""
    random = np.random.default_rng(0)
    images, people = 7 * queries, max(4, queries // 4)
    person = np.arange(images) % people
    centres = random.standard_normal((people, dimension))
    features = (centres[person] + 1.5 * random.standard_normal((images, dimension))).astype(np.float32)
    features[queries + 1 :: 7] = features[queries:-1:7]  # equal distances
    camera = random.integers(0, 3, images)
    return SavedFeatures(features, person, camera, np.arange(images) < queries)


def check_scores() -> Finding:
    """mAP and Rank-1, plain and re-ranked, against full matrices and loops."""
    saved = random_features(queries=40, dimension=32)
    query, gallery = (saved.features[part].astype(np.float64) for part in (saved.is_query, ~saved.is_query))
    k1, k2, weight = RERANK.k1, RERANK.k2, RERANK.original_weight
    cases = (
        ("plain", None, dense.cosine_distances(query, gallery)),
        ("re-ranked", RERANK, dense.reranked_distances(query, gallery, k1=k1, k2=k2, weight=weight)),
    )
    lines, differences = [], []
    for name, rerank, distances in cases:
        found = score_saved_features(saved, rerank=rerank)
        expected = dense.scores(distances, saved.person, saved.camera, saved.is_query)
        differences += [abs(found[score] - value) for score, value in expected.items()]
        lines.append(f"{name} mAP {found['mAP']:.2f} (by loops {expected['mAP']:.2f})")
    if not all(difference <= _EQUAL for difference in differences):
        return failed(", ".join(lines), _DEFECT, differences=differences)
    return ok(", ".join(lines), differences=differences)


def check_same_bits(device: str, queries: int = 500, dimension: int = 512) -> Finding:
    """All scores, plain and re-ranked, on a device against the CPU's, to the last bit.

    Args:
        device: where to rank.
        queries: number of query images.
        dimension: of the features.
    """
    saved = random_features(queries, dimension)
    different, seconds = [], {}
    for name, rerank in (("plain", None), ("re-ranked", RERANK)):
        scores = []
        for place in ("cpu", device):
            started = time.perf_counter()
            scores.append(score_saved_features(saved, rerank=rerank, device=place))
            seconds[f"{name}, {place}"] = time.perf_counter() - started
        different += [f"{name} {score}" for score in scores[0] if scores[0][score] != scores[1][score]]
    found = f"{queries} queries, {6 * queries} gallery images, plain and re-ranked"
    if different:
        return failed(f"{found}: {', '.join(different)} differ", _DEFECT, seconds=seconds)
    return ok(f"{found}: the same bits", seconds=seconds)


def check_faiss_search(device: str, images: int = 20_000, dimension: int = 512) -> Finding:
    """faiss's search for neighbours on a GPU, in time and results against its CPU's.

    Args:
        device: where to search.
        images: how many.
        dimension: of the features.
    """
    on_gpu = torch.device(device).type == "cuda"
    if on_gpu and not hasattr(faiss, "StandardGpuResources"):
        return not_here("this faiss has no GPU code: neighbours are searched without it")
    if on_gpu and not faiss.get_num_gpus():
        return not_here("faiss sees no GPU: neighbours are searched without it")
    points = np.random.default_rng(0).standard_normal((images, dimension)).astype(np.float32)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    results, seconds = {}, {}
    for place in ("cpu", device):
        started = time.perf_counter()
        results[place] = _search(points, place)
        seconds[place] = time.perf_counter() - started
    difference = float(np.abs(results[device] - results["cpu"]).max())
    found = (
        f"{images} images: {seconds[device]:.2f} s, on CPU {seconds['cpu']:.2f} s; differs {difference:.0e}"
    )
    if not difference <= 1e-3:
        return failed(found, "install a faiss-gpu of this driver's CUDA, or faiss-cpu", seconds=seconds)
    return ok(found, seconds=seconds)


def _search(points: NDArray[np.float32], device: str) -> NDArray[np.float32]:
    """Squared distances to the nearest neighbours, (N, K)."""
    if torch.device(device).type == "cuda":
        return faiss.knn_gpu(faiss.StandardGpuResources(), points, points, RERANK.k1)[0]
    return faiss.knn(points, points, RERANK.k1)[0]
