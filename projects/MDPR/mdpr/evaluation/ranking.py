"""Ranking metrics of retrieval: CMC, average precision (AP), inverse negative penalty (INP).

Only the ranks of a query's matches enter these metrics, so nothing is sorted: the rank of a
match is the number of gallery images nearer to the query.

Protocols. "market1501" (Zheng et al., ICCV 2015; also that of DukeMTMC-reID, MSMT17 and the new
CUHK03 split): gallery images with both the person and the camera of the query are left out; a
query with no match left is not counted. "cuhk03" (Li et al., CVPR 2014): the same, but the CMC
is that of galleries with one random image per person, averaged over several draws.
INP is from Ye et al., "Deep Learning for Person Re-identification: A Survey and Outlook".

Letters: Q query images, G gallery images, B queries in a block.
"""

import logging
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from .checks import name_rows
from .distances import DistanceSource, FeatureDistances, MatrixDistances, row_blocks
from .labels import RetrievalLabels, SameIdentityPairs
from .ordering import fill_cells, ranks_of_cells, smallest_columns
from .ragged import positions_in_groups
from .single_shot import SingleShotDraws

logger = logging.getLogger(__name__)

PROTOCOLS: Final = ("market1501", "cuhk03")


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
    """

    cmc: NDArray[np.float64]
    average_precision: NDArray[np.float64]
    inverse_negative_penalty: NDArray[np.float64]
    num_matches: NDArray[np.int64]
    first_match_rank: NDArray[np.int64]
    top_columns: NDArray[np.int64] | None = None

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


@dataclass(frozen=True)
class RankingOptions:
    """How to rank.

    Attributes:
        protocol: "market1501" or "cuhk03".
        max_rank: length of the CMC curve, >= 1.
        top_k: number of nearest gallery images to keep for each query, 0 for none.
        block_rows: queries a block; None for about 64 MiB of distances. It changes no result.
        seed: of the draws of "cuhk03".
        repeats: number of draws of "cuhk03", >= 1.

    Raises:
        ValueError: a value outside its range.
    """

    protocol: str = "market1501"
    max_rank: int = 50
    top_k: int = 0
    block_rows: int | None = None
    seed: int = 0
    repeats: int = 10

    def __post_init__(self) -> None:
        if self.protocol not in PROTOCOLS:
            raise ValueError(
                f"unknown protocol {self.protocol!r}: choose one of {', '.join(PROTOCOLS)}"
            )
        for name, least in (("max_rank", 1), ("top_k", 0), ("repeats", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")


def rank_features(
    query_features: torch.Tensor | NDArray[np.floating],
    gallery_features: torch.Tensor | NDArray[np.floating],
    labels: RetrievalLabels,
    *,
    metric: str = "cosine",
    device: str = "cpu",
    options: RankingOptions | None = None,
) -> RankingResult:
    """Rank the gallery for every query by feature distance.

    The result is the same, bit for bit, whatever the block size, thread count and device.

    Args:
        query_features: (Q, D) floating point.
        gallery_features: (G, D) floating point.
        labels: of these images.
        metric: "cosine" or "euclidean".
        device: where distances are computed.
        options: protocol and sizes.

    Raises:
        TypeError: features that are not floating point.
        ValueError: features that are empty, of wrong shape, not finite or zero under cosine;
            labels for another number of images; no query with a match.
    """
    source = FeatureDistances.from_features(
        query_features, gallery_features, metric=metric, device=device
    )
    return rank(source, labels, options)


def rank_distances(
    distances: NDArray[np.floating],
    labels: RetrievalLabels,
    *,
    options: RankingOptions | None = None,
) -> RankingResult:
    """Rank the gallery for every query by distances that are already there.

    Args:
        distances: (Q, G) finite; smaller is nearer.
        labels: of these images.
        options: protocol and sizes.

    Raises:
        ValueError: a matrix of wrong shape or with values that are not finite; labels for
            another number of images; no query with a match.
    """
    return rank(MatrixDistances(distances), labels, options)


def rank(
    source: DistanceSource, labels: RetrievalLabels, options: RankingOptions | None = None
) -> RankingResult:
    """Rank the gallery for every query, block by block of queries.

    Ties are broken by gallery index, the lower one first.

    Args:
        source: distances.
        labels: of the source's images.
        options: protocol and sizes.

    Raises:
        ValueError: labels for another number of images; no query with a match.
    """
    options = options or RankingOptions()
    labels.check_size(source.num_query, source.num_gallery)
    scores = _Scores.empty(source, options)
    draws = (
        SingleShotDraws(labels, seed=options.seed, repeats=options.repeats)
        if options.protocol == "cuhk03"
        else None
    )
    for start, stop in row_blocks(source, options.block_rows):
        block = source.rows(start, stop)
        pairs = labels.pairs(start, stop)
        # Those left out come behind all others.
        fill_cells(block, pairs.junk_rows, pairs.junk_columns, torch.inf)
        scores.add(start, stop, block, pairs)
        if draws is not None:
            scores.cmc_counts += draws.first_match_counts(
                start, block.cpu().numpy(), pairs, len(scores.cmc_counts)
            )
    return scores.result(count_first_matches=draws is None, repeats=options.repeats)


@dataclass(eq=False)
class _Scores:
    """Scores of the queries seen so far."""

    average_precision: NDArray[np.float64]
    inverse_negative_penalty: NDArray[np.float64]
    num_matches: NDArray[np.int64]
    first_match_rank: NDArray[np.int64]
    cmc_counts: NDArray[np.int64]
    top_columns: NDArray[np.int64] | None = field(default=None)

    @classmethod
    def empty(cls, source: DistanceSource, options: RankingOptions) -> "_Scores":
        num_query, num_gallery = source.num_query, source.num_gallery
        top_k = min(options.top_k, num_gallery)
        return cls(
            average_precision=np.full(num_query, np.nan),
            inverse_negative_penalty=np.full(num_query, np.nan),
            num_matches=np.zeros(num_query, dtype=np.int64),
            first_match_rank=np.full(num_query, -1, dtype=np.int64),
            cmc_counts=np.zeros(min(options.max_rank, num_gallery), dtype=np.int64),
            top_columns=np.full((num_query, top_k), -1, dtype=np.int64) if top_k else None,
        )

    def add(self, start: int, stop: int, block: torch.Tensor, pairs: SameIdentityPairs) -> None:
        rows = pairs.match_rows
        ranks = ranks_of_cells(block, rows, pairs.match_columns)
        ranks = ranks[np.lexsort((ranks, rows))]
        counts = np.bincount(rows, minlength=stop - start)
        # Precision at each match: matches found so far / images looked at so far.
        precision = (positions_in_groups(rows, counts) + 1) / (ranks + 1)
        valid = counts > 0
        last = np.cumsum(counts)[valid] - 1
        found = start + np.flatnonzero(valid)
        self.num_matches[start:stop] = counts
        total = np.bincount(rows, weights=precision, minlength=stop - start)
        self.average_precision[found] = total[valid] / counts[valid]
        self.inverse_negative_penalty[found] = counts[valid] / (ranks[last] + 1)
        self.first_match_rank[found] = ranks[last - counts[valid] + 1]
        if self.top_columns is not None:
            self.top_columns[start:stop] = smallest_columns(block, self.top_columns.shape[1])

    def result(self, *, count_first_matches: bool, repeats: int) -> RankingResult:
        missing = np.flatnonzero(self.num_matches == 0)
        num_valid = len(self.num_matches) - len(missing)
        if num_valid == 0:
            raise ValueError(
                f"none of the {len(missing)} queries has a match in the gallery (the same person "
                "seen by another camera): check the person and camera labels"
            )
        if len(missing):
            logger.warning(
                "%d of %d queries have no match in the gallery and are not counted (%s)",
                len(missing),
                len(self.num_matches),
                name_rows(missing),
            )
        counts, draws = self.cmc_counts, repeats
        if count_first_matches:
            first = self.first_match_rank[self.num_matches > 0]
            counts, draws = np.bincount(first, minlength=len(counts))[: len(counts)], 1
        return RankingResult(
            cmc=np.cumsum(counts) / (num_valid * draws),
            average_precision=self.average_precision,
            inverse_negative_penalty=self.inverse_negative_penalty,
            num_matches=self.num_matches,
            first_match_rank=self.first_match_rank,
            top_columns=self.top_columns,
        )
