"""True positive rate at a fixed false positive rate, as fast-reid defines it.

In fast-reid's ROC the score is the distance and the "positive" pairs are those of different
persons: TPR is the share of different-person pairs at or above a distance, FPR the share of
same-person pairs there. The points are those that `sklearn.metrics.roc_curve` keeps (inner points
of straight runs are dropped), and the value is that of the first point nearest to the rate asked
for, which is 0 where that is the curve's start.

Only the upper tail of the same-person distances decides, so the different-person distances are
counted between those few thresholds, block by block, and never stored.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from mdpr.errors import EvaluationError
from mdpr.evaluation.distances.ordering import fill_cells, read_cells
from mdpr.evaluation.distances.sources import DistanceSource, row_blocks
from mdpr.evaluation.ranking.labels import RetrievalLabels

FALSE_POSITIVE_RATES: Final = (1e-4, 1e-3, 1e-2)
_SPARE_LEVELS: Final = 64


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
    matches = _match_distances(source, labels, block_rows)
    if len(matches) == 0:
        raise EvaluationError("no query has a match in the gallery: the ROC curve is undefined")
    levels, level_counts = np.unique(matches, return_counts=True)
    num_needed = int(max(rates) * len(matches)) + _SPARE_LEVELS
    while True:
        # One level more than used: whether a point is kept depends on the next one.
        tail = _Tail.count(source, labels, levels[-num_needed - 1 :], block_rows)
        complete = num_needed >= len(levels)
        values = tail.rates_at(rates, level_counts[::-1], len(matches), complete=complete)
        if values is not None:
            return dict(zip(rates, values, strict=True))
        num_needed *= 8


def _match_distances(
    source: DistanceSource, labels: RetrievalLabels, block_rows: int | None
) -> NDArray[np.float64]:
    parts = []
    for start, stop in row_blocks(source, block_rows):
        pairs = labels.pairs(start, stop)
        block = source.rows(start, stop)
        parts.append(read_cells(block, pairs.match_rows, pairs.match_columns))
    return np.concatenate(parts)


@dataclass(frozen=True, eq=False)
class _Tail:
    """Different-person pairs around the largest same-person distances, largest first.

    Attributes:
        above: (n,) int64 number of such pairs at a larger distance than level i.
        at_least: (n,) int64 number at the distance of level i or a larger one.
        total: number of all such pairs.
    """

    above: NDArray[np.int64]
    at_least: NDArray[np.int64]
    total: int

    @classmethod
    def count(
        cls,
        source: DistanceSource,
        labels: RetrievalLabels,
        thresholds: NDArray[np.float64],
        block_rows: int | None,
    ) -> "_Tail":
        """Count against ``thresholds`` (n,), ascending."""
        # Bin edges at each threshold and just above it: the counts between tell < from <=.
        edges = torch.from_numpy(
            np.stack([thresholds, np.nextafter(thresholds, np.inf)], axis=1).ravel()
        )
        counts = np.zeros(len(edges) + 1, dtype=np.int64)
        for start, stop in row_blocks(source, block_rows):
            block = source.rows(start, stop)
            pairs = labels.pairs(start, stop)
            fill_cells(block, pairs.junk_rows, pairs.junk_columns, torch.inf)
            fill_cells(block, pairs.match_rows, pairs.match_columns, torch.inf)
            bins = torch.searchsorted(edges.to(block.device), block, right=True)
            counts += torch.bincount(bins.flatten(), minlength=len(counts)).cpu().numpy()
            # The last bin also took the cells at infinity, which are no such pairs.
            counts[-1] -= len(pairs.match_rows) + len(pairs.junk_rows)
        at_least = counts[::-1].cumsum()[::-1]
        return cls(at_least[2::2][::-1], at_least[1::2][::-1], int(at_least[0]))

    def rates_at(
        self,
        rates: Sequence[float],
        level_counts: NDArray[np.int64],
        num_matches: int,
        *,
        complete: bool,
    ) -> list[float] | None:
        """Read the curve, or return None where it does not reach far enough.

        ``level_counts`` are the same-person pairs at each level, largest distance first;
        ``complete`` tells that there are no further levels.
        """
        if self.total == 0:
            return [float("nan")] * len(rates)
        num_levels = len(self.above)
        level_counts = level_counts[:num_levels]
        kept = self._kept_points(level_counts)
        if not complete:
            kept[-1] = False
        false_rate = np.cumsum(level_counts)[kept] / num_matches
        if not complete and (len(false_rate) == 0 or false_rate[-1] < max(rates)):
            return None
        false_rate = np.concatenate([[0.0], false_rate])
        true_rate = np.concatenate([[0.0], self.at_least[kept] / self.total])
        return [float(true_rate[np.argmin(np.abs(false_rate - rate))]) for rate in rates]

    def _kept_points(self, level_counts: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which levels' points are not inner points of a straight run."""
        ties = self.at_least - self.above
        next_above = np.append(self.above[1:], self.total)
        kept = next_above > self.at_least
        kept[:-1] |= (level_counts[1:] != level_counts[:-1]) | (ties[1:] != ties[:-1])
        kept[0] |= self.above[0] == 0
        kept[-1] |= self.at_least[-1] == self.total
        return kept
