"""Evaluation: exact ranking metrics, k-reciprocal re-ranking and query expansion, in blocks."""

from mdpr.evaluation.distances import DistanceSource, FeatureDistances, MatrixDistances
from mdpr.evaluation.evaluator import ReidEvaluator
from mdpr.evaluation.labels import RetrievalLabels
from mdpr.evaluation.query_expansion import QueryExpansionOptions, expand_features
from mdpr.evaluation.ranking import RankingOptions, rank, rank_distances, rank_features
from mdpr.evaluation.rerank import RerankedDistances, RerankOptions
from mdpr.evaluation.roc import tpr_at_fpr
from mdpr.evaluation.saved_features import (
    SavedFeatures,
    load_features,
    save_features,
    score_saved_features,
)
from mdpr.evaluation.saved_rankings import SavedRankings, load_rankings, save_rankings
from mdpr.evaluation.scores import RankingResult
from mdpr.evaluation.settings import EvaluationSettings
from mdpr.evaluation.submission import SubmissionWriter

__all__ = [
    "DistanceSource",
    "EvaluationSettings",
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
    "SavedRankings",
    "SubmissionWriter",
    "expand_features",
    "load_features",
    "load_rankings",
    "rank",
    "rank_distances",
    "rank_features",
    "save_features",
    "save_rankings",
    "score_saved_features",
    "tpr_at_fpr",
]
