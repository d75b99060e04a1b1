"""The classic CUHK03 protocol in fast-reid's ranking.

fast-reid's version uses ``np.bool``, gone in NumPy 1.24, and returns two values where its callers
unpack three.
"""

import fastreid.evaluation.rank
import numpy as np
from numpy.typing import NDArray

from mdpr.evaluation.ranking.labels import RetrievalLabels
from mdpr.evaluation.ranking.ranking import RankingOptions, rank_distances


def eval_cuhk03(  # noqa: PLR0917 -- the signature is fast-reid's
    distmat: NDArray[np.floating],
    q_pids: NDArray[np.int64],
    g_pids: NDArray[np.int64],
    q_camids: NDArray[np.int64],
    g_camids: NDArray[np.int64],
    max_rank: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Replacement for fast-reid's ``eval_cuhk03``, under its signature.

    Returns:
        CMC over drawn single-shot galleries, and AP and INP of every query that has a match.

    Raises:
        ValueError: no query has a match.
    """
    labels = RetrievalLabels(*(np.asarray(values) for values in (q_pids, q_camids, g_pids, g_camids)))
    options = RankingOptions(protocol="cuhk03", max_rank=max_rank)
    result = rank_distances(distmat, labels, options=options)
    counted = result.num_matches > 0
    return (
        result.cmc,
        result.average_precision[counted],
        result.inverse_negative_penalty[counted],
    )


def apply() -> None:
    """Make fast-reid's ``evaluate_rank(use_metric_cuhk03=True)`` work."""
    if fastreid.evaluation.rank.eval_cuhk03.__module__.startswith("fastreid."):
        fastreid.evaluation.rank.eval_cuhk03 = eval_cuhk03
