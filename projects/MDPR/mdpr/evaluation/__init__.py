"""Evaluation: exact ranking metrics, k-reciprocal re-ranking and query expansion, in blocks.

A ladder, each rung a folder that imports only those below it:

- `saved_files`: `features` and their scores without a model, `rankings`; `archives` checks both
- `reranking`: plain or re-ranked distances (`reranking`, by `k_reciprocal`), `query_expansion`,
  `centralization`; all from exact nearest `neighbours`, found by faiss on the GPU or the CPU; `jaccard`
  distances of what is encoded
- `ranking`: `ranking` with its protocols (`single_shot` for the classic CUHK03), `labels` of the images,
  `scores` (AP, INP, CMC), `roc` (TPR@FPR)
- `distances`: `sources` of blocks of them, `feature_distances`, the `grid` on which these are exact, the
  one rule for ties (`ordering`); `checks` that name wrong rows; `arrays`

On top stand `evaluator` (collects features in fast-reid's loop and scores them), `submission` (in its
place for a set without identities), `settings` (from the config), `processes` (that evaluate together) and
`paired` (two rankings of the same queries).
"""

from mdpr.evaluation.distances.feature_distances import DISTANCE_METRICS, RetrievalFeatures
from mdpr.evaluation.distances.sources import DistanceSource, MatrixDistances
from mdpr.evaluation.evaluator import ReidEvaluator
from mdpr.evaluation.ranking.labels import RetrievalLabels
from mdpr.evaluation.ranking.ranking import (
    PROTOCOLS,
    RankingOptions,
    rank,
    rank_distances,
    rank_features,
)
from mdpr.evaluation.ranking.roc import tpr_at_fpr
from mdpr.evaluation.ranking.scores import RankingResult
from mdpr.evaluation.reranking.centralization import CentralizationOptions, centralize_features
from mdpr.evaluation.reranking.query_expansion import QueryExpansionOptions, expand_features
from mdpr.evaluation.reranking.reranking import RerankedDistances, RerankOptions
from mdpr.evaluation.saved_files.features import (
    SavedFeatures,
    evaluate_file,
    load_features,
    save_features,
    score_saved_features,
)
from mdpr.evaluation.saved_files.rankings import SavedRankings, load_rankings, save_rankings
from mdpr.evaluation.settings import EvaluationSettings
from mdpr.evaluation.submission import SubmissionWriter

__all__ = [
    "DISTANCE_METRICS",
    "PROTOCOLS",
    "CentralizationOptions",
    "DistanceSource",
    "EvaluationSettings",
    "MatrixDistances",
    "QueryExpansionOptions",
    "RankingOptions",
    "RankingResult",
    "ReidEvaluator",
    "RerankOptions",
    "RerankedDistances",
    "RetrievalFeatures",
    "RetrievalLabels",
    "SavedFeatures",
    "SavedRankings",
    "SubmissionWriter",
    "centralize_features",
    "evaluate_file",
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
