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

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from mdpr.evaluation.distances.checks import FeatureRows
from mdpr.evaluation.distances.feature_distances import RetrievalFeatures
from mdpr.evaluation.distances.ordering import fill_cells
from mdpr.evaluation.distances.sources import DistanceSource, MatrixDistances, row_blocks
from mdpr.evaluation.ranking.labels import RetrievalLabels
from mdpr.evaluation.ranking.scores import RankingResult, Scores
from mdpr.evaluation.ranking.single_shot import SingleShotDraws

PROTOCOLS: Final = ("market1501", "cuhk03")


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
            raise ValueError(f"unknown protocol {self.protocol!r}: choose one of {', '.join(PROTOCOLS)}")
        for name, least in (("max_rank", 1), ("top_k", 0), ("repeats", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")


def rank_features(
    query_features: FeatureRows,
    gallery_features: FeatureRows,
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
    features = RetrievalFeatures.from_features(query_features, gallery_features, metric, device=device)
    return rank(features.distances(), labels, options)


def rank_distances(
    distances: NDArray[np.floating],
    labels: RetrievalLabels,
    *,
    options: RankingOptions | None = None,
) -> RankingResult:
    """Rank the gallery for every query by distances that are already there.

    Raises:
        ValueError: a matrix of wrong shape or with values that are not finite; labels for
            another number of images; no query with a match.
    """
    return rank(MatrixDistances(distances), labels, options)


def rank(
    source: DistanceSource, labels: RetrievalLabels, options: RankingOptions | None = None
) -> RankingResult:
    """Rank the gallery for every query, block by block of queries.

    Ties are broken by gallery index, the lower one first. Processes that share the queries all get the whole.

    Raises:
        ValueError: labels for another number of images; no query with a match.
    """
    options = options or RankingOptions()
    labels.check_size(source.num_query, source.num_gallery)
    scores = Scores(labels.num_query, labels.num_gallery, max_rank=options.max_rank, top_k=options.top_k)
    draws = None
    if options.protocol == "cuhk03":
        draws = SingleShotDraws(labels, seed=options.seed, repeats=options.repeats)
    drawn_ranks = [np.empty(0, dtype=np.int64)]
    for start, stop in row_blocks(source, options.block_rows):
        block = source.rows(start, stop)
        pairs = labels.pairs(start, stop)
        # Those left out come behind all others.
        fill_cells(block, pairs.junk_rows, pairs.junk_columns, torch.inf)
        scores.add(start, stop, block, pairs)
        if draws is not None:
            drawn_ranks += draws.match_ranks(start, block.cpu().numpy(), pairs)
    drawn = None if draws is None else source.share.joined(np.concatenate(drawn_ranks))
    return scores.finish(source.share, drawn)
