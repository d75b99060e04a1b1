"""Scores of single queries, collected block by block, and what they come to."""

import logging
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from mdpr.errors import EvaluationError
from mdpr.evaluation.distances.arrays import positions_in_groups
from mdpr.evaluation.distances.checks import name_rows
from mdpr.evaluation.distances.ordering import ranks_of_cells, smallest_cells
from mdpr.evaluation.distances.sources import RowShare
from mdpr.evaluation.ranking.labels import SameIdentityPairs

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class RankingResult:
    """What a ranking is worth. All values are fractions in [0, 1].

    Attributes:
        cmc: (R,) share of the counted queries with a match within the first 1..R images;
            R = min(max_rank, G).
        average_precision: (Q,) AP of each query, NaN for a query without a match.
        inverse_negative_penalty: (Q,) INP of each query, NaN likewise.
        num_matches: (Q,) int64 number of gallery images that each query should find.
        first_match_rank: (Q,) int64 rank (from 0) of the first match, -1 without a match.
        top_columns: (Q, k) int64 nearest gallery images in order, without those left out by the
            protocol; -1 where there are fewer than k. None when not asked for.
        top_distances: (Q, k) float64 their distances, NaN where there are fewer than k.
    """

    cmc: NDArray[np.float64]
    average_precision: NDArray[np.float64]
    inverse_negative_penalty: NDArray[np.float64]
    num_matches: NDArray[np.int64]
    first_match_rank: NDArray[np.int64]
    top_columns: NDArray[np.int64] | None = None
    top_distances: NDArray[np.float64] | None = None

    @property
    def num_valid_queries(self) -> int:
        """Number of queries with a match: those that count."""
        return int(np.count_nonzero(self.num_matches))

    @property
    def mean_average_precision(self) -> float:
        """The mAP over the queries that count."""
        return float(np.mean(self.average_precision[self.num_matches > 0]))

    @property
    def mean_inverse_negative_penalty(self) -> float:
        """The mINP over the queries that count."""
        return float(np.mean(self.inverse_negative_penalty[self.num_matches > 0]))

    def rank(self, r: int) -> float:
        """Give the CMC at rank ``r`` >= 1; a gallery of fewer images ends the curve early.

        Raises:
            ValueError: ``r`` below 1.
        """
        if r < 1:
            raise ValueError(f"CMC ranks start at 1, got {r}")
        return float(self.cmc[min(r, len(self.cmc)) - 1])

    def percentages(self) -> dict[str, float]:
        """Give "Rank-1", "Rank-5", "Rank-10", "mAP" and "mINP" in percent."""
        scores = {f"Rank-{r}": 100 * self.rank(r) for r in (1, 5, 10)}
        scores["mAP"] = 100 * self.mean_average_precision
        scores["mINP"] = 100 * self.mean_inverse_negative_penalty
        return scores


class Scores:
    """Scores of the queries seen so far.

    Start with no query seen; the curve and the lists of the ``top_k`` nearest end with the gallery.
    """

    def __init__(self, num_query: int, num_gallery: int, *, max_rank: int, top_k: int) -> None:
        top_k = min(top_k, num_gallery)
        self._result = RankingResult(
            cmc=np.zeros(min(max_rank, num_gallery)),
            average_precision=np.full(num_query, np.nan),
            inverse_negative_penalty=np.full(num_query, np.nan),
            num_matches=np.zeros(num_query, dtype=np.int64),
            first_match_rank=np.full(num_query, -1, dtype=np.int64),
            top_columns=np.full((num_query, top_k), -1, dtype=np.int64) if top_k else None,
            top_distances=np.full((num_query, top_k), np.nan) if top_k else None,
        )

    def add(self, start: int, stop: int, block: torch.Tensor, pairs: SameIdentityPairs) -> None:
        """Score queries ``start`` .. ``stop - 1``.

        Args:
            start, stop: place of the block among the queries.
            block: (B, G) distances, images that are left out at infinity.
            pairs: of the block.
        """
        result, rows = self._result, pairs.match_rows
        ranks = ranks_of_cells(block, rows, pairs.match_columns)
        ranks = ranks[np.lexsort((ranks, rows))]
        counts = np.bincount(rows, minlength=stop - start)
        # Precision at each match: matches found so far / images looked at so far.
        precision = (positions_in_groups(rows, counts) + 1) / (ranks + 1)
        valid = counts > 0
        last = np.cumsum(counts)[valid] - 1
        found = start + np.flatnonzero(valid)
        result.num_matches[start:stop] = counts
        total = np.bincount(rows, weights=precision, minlength=stop - start)
        result.average_precision[found] = total[valid] / counts[valid]
        result.inverse_negative_penalty[found] = counts[valid] / (ranks[last] + 1)
        result.first_match_rank[found] = ranks[last - counts[valid] + 1]
        if result.top_columns is not None and result.top_distances is not None:
            nearest = smallest_cells(block, result.top_columns.shape[1])
            result.top_columns[start:stop], result.top_distances[start:stop] = nearest

    def finish(self, share: RowShare, drawn_ranks: NDArray[np.int64] | None) -> RankingResult:
        """Sum up.

        Args:
            share: queries that were scored here; the others come from the processes that scored them.
            drawn_ranks: ranks (from 0) of the match in drawn galleries, of which the CMC is made; None
                for that of the whole gallery.

        Raises:
            EvaluationError: no query has a match.
        """
        own = slice(*share.bounds(len(self._result.num_matches)))
        of_queries = {
            name: share.joined(values[own])
            for name, values in vars(self._result).items()
            if name != "cmc" and values is not None
        }
        result = replace(self._result, **of_queries)
        missing = np.flatnonzero(result.num_matches == 0)
        num_all, num_counted = len(result.num_matches), result.num_valid_queries
        if num_counted == 0:
            raise EvaluationError(
                f"none of the {num_all} queries has a match in the gallery (the same person "
                "seen by another camera): check the person and camera labels"
            )
        if len(missing):
            logger.warning(
                "%d of %d queries have no match in the gallery and are not counted (%s)",
                len(missing),
                num_all,
                name_rows(missing),
            )
        ranks = drawn_ranks
        if ranks is None:
            ranks = result.first_match_rank[result.num_matches > 0]
        counts = np.bincount(ranks, minlength=len(result.cmc))[: len(result.cmc)]
        result.cmc[:] = np.cumsum(counts) / len(ranks)
        return result
