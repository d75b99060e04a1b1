"""mAP and Rank-1 of plain and re-ranked distances by full matrices and loops, with nothing of `mdpr` in it.

Re-ranking: Zhong et al., "Re-ranking Person Re-identification with k-reciprocal Encoding", CVPR 2017.
Letters: Q query images, G gallery images, N = Q + G, D dimensions.
"""

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Labels = NDArray[np.int64]


def cosine_distances(query: Matrix, gallery: Matrix) -> Matrix:
    """1 - cosine similarity, (Q, G), of (Q, D) and (G, D)."""
    return 1 - _unit(query) @ _unit(gallery).T


def reranked_distances(query: Matrix, gallery: Matrix, *, k1: int, k2: int, weight: float) -> Matrix:
    """(1 - weight) * Jaccard distance + weight * cosine distance, (Q, G)."""
    unit = _unit(np.concatenate([query, gallery]))
    squared = ((unit[:, None] - unit[None]) ** 2).sum(axis=2)
    near = np.argsort(squared, axis=1, kind="stable")[:, :k1]
    whole, half = _reciprocal(near), _reciprocal(near[:, : round(k1 / 2) + 1])
    encoding = np.zeros_like(squared)
    for row, own in enumerate(whole):
        members = own.copy()
        for candidate in np.flatnonzero(own):
            if 3 * np.count_nonzero(half[candidate] & own) > 2 * np.count_nonzero(half[candidate]):
                members |= half[candidate]
        values = np.exp(-squared[row, members])
        encoding[row, members] = values / values.sum()
    encoding = encoding[near[:, :k2]].mean(axis=1)
    shared = np.stack([np.minimum(one, encoding).sum(axis=1) for one in encoding[: len(query)]])
    jaccard = (1 - shared / (2 - shared))[:, len(query) :]
    return (1 - weight) * jaccard + weight * cosine_distances(query, gallery)


def scores(
    distances: Matrix, person: Labels, camera: Labels, is_query: NDArray[np.bool_]
) -> dict[str, float]:
    """mAP and Rank-1 in percent; images of the query's own person and camera are left out.

    Args:
        distances: (Q, G), of the queries to the gallery.
        person: (N,) of the images.
        camera: (N,) likewise.
        is_query: (N,) which of them are the queries.
    """
    precisions, hits = [], []
    for line, own, place in zip(distances, person[is_query], camera[is_query], strict=True):
        same = person[~is_query] == own
        left_out = same & (camera[~is_query] == place)
        order = np.argsort(line, kind="stable")
        ranks = np.flatnonzero(same[order[~left_out[order]]])
        if len(ranks):
            precisions.append(np.mean(np.arange(1, len(ranks) + 1) / (ranks + 1)))
            hits.append(ranks[0] == 0)
    return {"mAP": 100 * float(np.mean(precisions)), "Rank-1": 100 * float(np.mean(hits))}


def _unit(vectors: Matrix) -> Matrix:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _reciprocal(near: Labels) -> NDArray[np.bool_]:
    """Which images are among the neighbours of each other, (N, N)."""
    among = np.zeros((len(near), len(near)), dtype=np.bool_)
    np.put_along_axis(among, near, True, axis=1)
    return among & among.T
