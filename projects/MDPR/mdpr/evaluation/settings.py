"""What the config asks of an evaluation, checked before a model is run."""

from dataclasses import dataclass, field

from fastreid.config import CfgNode

from mdpr.errors import ConfigError
from mdpr.evaluation.distances.feature_distances import DISTANCE_METRICS
from mdpr.evaluation.ranking.ranking import PROTOCOLS, RankingOptions
from mdpr.evaluation.reranking.query_expansion import QueryExpansionOptions
from mdpr.evaluation.reranking.reranking import RerankOptions

__all__ = ["EvaluationSettings"]


@dataclass(frozen=True)
class EvaluationSettings:
    """Fast-reid's keys in ``TEST``, and ``TEST.MDPR``.

    Attributes:
        metric: "cosine" or "euclidean".
        ranking: protocol, and the gallery images to keep of each query.
        rerank: None for no re-ranking.
        expansion: query expansion, None for none.
        roc: whether TPR@FPR is wanted.
        save_features, save_rankings: files to leave in the output folder.
    """

    metric: str = "cosine"
    ranking: RankingOptions = field(default_factory=RankingOptions)
    rerank: RerankOptions | None = None
    expansion: QueryExpansionOptions | None = None
    roc: bool = False
    save_features: bool = False
    save_rankings: bool = False

    @classmethod
    def from_config(cls, cfg: CfgNode) -> "EvaluationSettings":
        """Read a config; one of fast-reid without ``TEST.MDPR`` has its defaults.

        Raises:
            ConfigError: a key has a value that cannot be used; the message names it.
        """
        test = cfg.TEST
        if test.METRIC not in DISTANCE_METRICS:
            raise ConfigError(
                f"TEST.METRIC is {test.METRIC!r}: expected one of {', '.join(DISTANCE_METRICS)}"
            )
        settings = {
            "metric": test.METRIC,
            "rerank": _rerank_options(test.RERANK) if test.RERANK.ENABLED else None,
            "expansion": _expansion_options(test.AQE) if test.AQE.ENABLED else None,
            "roc": test.ROC.ENABLED,
        }
        if "MDPR" in test:
            settings |= _own_settings(test.MDPR)
        return cls(**settings)


def _rerank_options(node: CfgNode) -> RerankOptions:
    try:
        return RerankOptions(k1=node.K1, k2=node.K2, original_weight=node.LAMBDA)
    except ValueError as error:
        raise ConfigError(f"TEST.RERANK: {error}") from error


def _expansion_options(node: CfgNode) -> QueryExpansionOptions:
    try:
        return QueryExpansionOptions(alpha=node.ALPHA, times=node.QE_TIME, k=node.QE_K)
    except ValueError as error:
        raise ConfigError(f"TEST.AQE: {error}") from error


def _own_settings(node: CfgNode) -> dict[str, RankingOptions | bool]:
    if node.PROTOCOL not in PROTOCOLS:
        raise ConfigError(
            f"TEST.MDPR.PROTOCOL is {node.PROTOCOL!r}: expected one of {', '.join(PROTOCOLS)}"
        )
    if node.RANKING_LENGTH < 1:
        raise ConfigError(
            f"TEST.MDPR.RANKING_LENGTH is {node.RANKING_LENGTH}: expected a whole number of 1 or more"
        )
    for key in ("SAVE_FEATURES", "SAVE_RANKINGS"):
        if not isinstance(node[key], bool):
            raise ConfigError(f"TEST.MDPR.{key} is {node[key]!r}: expected True or False")
    return {
        "ranking": RankingOptions(
            protocol=node.PROTOCOL, top_k=node.RANKING_LENGTH if node.SAVE_RANKINGS else 0
        ),
        "save_features": node.SAVE_FEATURES,
        "save_rankings": node.SAVE_RANKINGS,
    }
