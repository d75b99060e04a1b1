"""Evaluation: exact ranking metrics, k-reciprocal re-ranking and query expansion, in blocks."""

from .distances import DistanceSource, FeatureDistances, MatrixDistances
from .evaluator import ReidEvaluator
from .labels import RetrievalLabels
from .query_expansion import QueryExpansionOptions, expand_features
from .ranking import RankingOptions, rank, rank_distances, rank_features
from .rerank import RerankedDistances, RerankOptions
from .roc import tpr_at_fpr
from .saved_features import (
    SavedFeatures,
    load_features,
    save_features,
    score_saved_features,
)
from .scores import RankingResult
from .submission import SubmissionWriter

__all__ = [
    "DistanceSource",
    "FeatureDistances",
    "MatrixDistances",
    "QueryExpansionOptions",
    "RankingOptions",
    "RankingResult",
    "ReidEvaluator",
    "RerankOptions",
    "RerankedDistances",
    "RetrievalLabels",
    "SavedFeatures",
    "SubmissionWriter",
    "expand_features",
    "load_features",
    "rank",
    "rank_distances",
    "rank_features",
    "save_features",
    "score_saved_features",
    "tpr_at_fpr",
]
