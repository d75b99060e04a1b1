"""True positive rate at a fixed false positive rate, as fast-reid defines it.

In fast-reid's ROC the score is the distance and the "positive" pairs are those of different persons:
TPR is the share of different-person pairs at or above a distance, FPR the share of same-person pairs
there. The value at a rate is that of the first point of scikit-learn's curve nearest to it.

Nothing but the order of distances enters a curve. So different-person pairs are counted between the
same-person distances, block by block, and never stored.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from mdpr.errors import EvaluationError
from mdpr.evaluation.distances.ordering import fill_cells, read_cells
from mdpr.evaluation.distances.sources import DistanceSource, row_blocks
from mdpr.evaluation.ranking.labels import RetrievalLabels

FALSE_POSITIVE_RATES: Final = (1e-4, 1e-3, 1e-2)


def tpr_at_fpr(
    source: DistanceSource,
    labels: RetrievalLabels,
    rates: Sequence[float] = FALSE_POSITIVE_RATES,
    *,
    block_rows: int | None = None,
) -> dict[float, float]:
    """Compute the true positive rate at each false positive rate.

    Args:
        source: distances.
        labels: of the source's images.
        rates: false positive rates in [0, 1].
        block_rows: queries a block; it changes no result.

    Returns:
        For each rate the true positive rate in [0, 1]; NaN where no pair is of different persons.

    Raises:
        ValueError: labels for another number of images, no rate or one outside [0, 1], or no
            match.
    """
    labels.check_size(source.num_query, source.num_gallery)
    if not rates or not all(0 <= rate <= 1 for rate in rates):
        raise ValueError(f"false positive rates lie in [0, 1], got {list(rates)}")
    matches = source.share.joined(_match_distances(source, labels, block_rows))
    levels, same = np.unique(matches, return_counts=True)
    if len(levels) == 0:
        raise EvaluationError("no query has a match in the gallery: the ROC curve is undefined")
    counts = _count_between(source, labels, levels, block_rows)
    different = source.share.joined(counts[None]).sum(axis=0)
    if not different.any():
        return dict.fromkeys(rates, float("nan"))
    # Places of a row stand for the distances: below all levels, at the first, between it and the next, ...
    places = np.arange(len(different))
    is_different = np.repeat([True, False], [len(different), len(same)])
    # Takes longer to import than all of this package, and few ask for it.
    from sklearn.metrics import roc_curve  # noqa: PLC0415

    false_rate, true_rate, _ = roc_curve(
        is_different,
        np.concatenate([places, places[1::2]]),
        sample_weight=np.concatenate([different, same]),
    )
    return {rate: float(true_rate[np.argmin(np.abs(false_rate - rate))]) for rate in rates}


def _match_distances(
    source: DistanceSource, labels: RetrievalLabels, block_rows: int | None
) -> NDArray[np.float64]:
    parts = [np.empty(0)]
    for start, stop in row_blocks(source, block_rows):
        pairs = labels.pairs(start, stop)
        block = source.rows(start, stop)
        parts.append(read_cells(block, pairs.match_rows, pairs.match_columns))
    return np.concatenate(parts)


def _count_between(
    source: DistanceSource,
    labels: RetrievalLabels,
    levels: NDArray[np.float64],
    block_rows: int | None,
) -> NDArray[np.int64]:
    """Count different-person pairs below, at and between ascending ``levels`` (n,), and above: (2 n + 1,)."""
    # Edges at each level and just above it: the counts between tell < from <=.
    edges = torch.from_numpy(np.stack([levels, np.nextafter(levels, np.inf)], axis=1).ravel())
    counts = np.zeros(len(edges) + 1, dtype=np.int64)
    for start, stop in row_blocks(source, block_rows):
        block = source.rows(start, stop)
        pairs = labels.pairs(start, stop)
        fill_cells(block, pairs.junk_rows, pairs.junk_columns, torch.inf)
        fill_cells(block, pairs.match_rows, pairs.match_columns, torch.inf)
        bins = torch.searchsorted(edges.to(block.device), block, right=True)
        counts += torch.bincount(bins.flatten(), minlength=len(counts)).cpu().numpy()
        # The last one also took the cells at infinity, which are no such pairs.
        counts[-1] -= len(pairs.match_rows) + len(pairs.junk_rows)
    return counts
