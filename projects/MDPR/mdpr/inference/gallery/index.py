"""Rows nearest to queries: by comparing all, or found by an index of faiss and then compared exactly.

Letters: Q queries, N rows, D dimension, k rows asked for.
"""

from pathlib import Path
from typing import Any, Final

import faiss
import numpy as np
from numpy.typing import NDArray

from mdpr.errors import GalleryError
from mdpr.files import write_atomically

EXACT: Final = "Flat"
_QUERIES_AT_ONCE: Final = 64  # whose rows are in memory together
_ROWS_AT_ONCE: Final = 65536


def make_index(dimension: int, factory: str) -> Any:
    """An empty index of faiss, by its name such as ``IVF1024,PQ128x4fs``, for cosine similarity.

    Raises:
        GalleryError: faiss knows no such index.
    """
    try:
        return faiss.index_factory(dimension, factory, faiss.METRIC_INNER_PRODUCT)
    except RuntimeError as error:
        raise GalleryError(f"index {factory!r} of dimension {dimension}: faiss cannot make it") from error


def build_index(features: NDArray[np.float32], factory: str, file: Path) -> None:
    """Train an index on all rows and write it; none where faiss refuses to train on so few."""
    index = make_index(features.shape[1], factory)
    try:
        index.train(features)
    except RuntimeError:
        return
    for start in range(0, len(features), _ROWS_AT_ONCE):
        index.add(features[start : start + _ROWS_AT_ONCE])
    with write_atomically(file, "wb") as stream:
        faiss.write_index(index, faiss.PyCallbackIOWriter(stream.write))  # type: ignore[attr-defined]


def read_index(file: Path, tuning: str) -> Any:
    """Read an index and set faiss's parameters of the search, such as ``nprobe=16``.

    Raises:
        GalleryError: it is damaged, or has no such parameter.
    """
    try:
        index = faiss.read_index(str(file))
        if tuning:
            faiss.ParameterSpace().set_index_parameters(index, tuning)  # type: ignore[arg-type]
    except RuntimeError as error:
        reason = str(error).rpartition(": ")[2]
        raise GalleryError(f"{file}, tuning {tuning!r}: {reason}; remove it to search without it") from error
    return index


def nearest_rows(
    queries: NDArray[np.float32], features: NDArray[np.float32], k: int, index: Any = None
) -> NDArray[np.int64]:
    """(Q, k) rows of features (N, D) most similar to queries (Q, D), the most similar first; k is at most N.

    An index, where there is one, finds them among its rows, and those behind its last are all compared. It
    may find less than k: -1.
    """
    known = 0 if index is None else index.ntotal
    if not known:
        return faiss.knn(queries, features, k, metric=faiss.METRIC_INNER_PRODUCT)[1]
    rows = index.search(queries, min(k, known))[1]
    if known < len(features):
        others = nearest_rows(queries, features[known:], min(k, len(features) - known))
        rows = np.hstack([rows, others + known])
    similarities = np.empty(rows.shape, np.float32)
    for start in range(0, len(queries), _QUERIES_AT_ONCE):
        some = slice(start, start + _QUERIES_AT_ONCE)
        similarities[some] = np.einsum("qd,qkd->qk", queries[some], features[rows[some]])
    similarities[rows < 0] = -np.inf
    return np.take_along_axis(rows, np.argsort(-similarities, axis=1, kind="stable")[:, :k], 1)
