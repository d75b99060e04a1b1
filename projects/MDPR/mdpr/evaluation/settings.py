"""What the config asks of an evaluation, checked before a model is run."""

from dataclasses import dataclass, field

from fastreid.config import CfgNode

from mdpr.evaluation.distances.feature_distances import DISTANCE_METRICS
from mdpr.evaluation.ranking.ranking import PROTOCOLS, RankingOptions
from mdpr.evaluation.reranking.query_expansion import QueryExpansionOptions
from mdpr.evaluation.reranking.reranking import RerankOptions
from mdpr.rules import Choice, Rules, check_rules, number, switch, whole

_RULES: Rules = {
    "TEST.METRIC": Choice(DISTANCE_METRICS),
    "TEST.RERANK.K1": whole(1),
    "TEST.RERANK.K2": whole(1),
    "TEST.RERANK.LAMBDA": number(least=0, most=1),
    "TEST.AQE.ALPHA": number(least=0),
    "TEST.AQE.QE_TIME": whole(0),
    "TEST.AQE.QE_K": whole(1),
}
_OWN_RULES: Rules = {
    "TEST.MDPR.PROTOCOL": Choice(PROTOCOLS),
    "TEST.MDPR.RANKING_LENGTH": whole(1),
    "TEST.MDPR.SAVE_FEATURES": switch(),
    "TEST.MDPR.SAVE_RANKINGS": switch(),
}


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
        check_evaluation(cfg)
        test = cfg.TEST
        settings = {
            "metric": test.METRIC,
            "rerank": _rerank_options(test.RERANK) if test.RERANK.ENABLED else None,
            "expansion": _expansion_options(test.AQE) if test.AQE.ENABLED else None,
            "roc": test.ROC.ENABLED,
        }
        if "MDPR" in test:
            settings |= _own_settings(test.MDPR)
        return cls(**settings)


def check_evaluation(cfg: CfgNode) -> None:
    """Check what `EvaluationSettings` is read from.

    Raises:
        ConfigError: a value that cannot be used.
    """
    check_rules(cfg, _RULES | (_OWN_RULES if "MDPR" in cfg.TEST else {}))


def _rerank_options(node: CfgNode) -> RerankOptions:
    return RerankOptions(k1=node.K1, k2=node.K2, original_weight=node.LAMBDA)


def _expansion_options(node: CfgNode) -> QueryExpansionOptions:
    return QueryExpansionOptions(alpha=node.ALPHA, times=node.QE_TIME, k=node.QE_K)


def _own_settings(node: CfgNode) -> dict[str, RankingOptions | bool]:
    return {
        "ranking": RankingOptions(
            protocol=node.PROTOCOL, top_k=node.RANKING_LENGTH if node.SAVE_RANKINGS else 0
        ),
        "save_features": node.SAVE_FEATURES,
        "save_rankings": node.SAVE_RANKINGS,
    }
