"""What the config asks of an evaluation, checked before a model is run."""

from dataclasses import dataclass, field

from fastreid.config import CfgNode

from mdpr.evaluation.distances.feature_distances import DISTANCE_METRICS
from mdpr.evaluation.ranking.ranking import PROTOCOLS, RankingOptions
from mdpr.evaluation.reranking.centralization import CentralizationOptions
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
    "TEST.MDPR.NFC.K1": whole(1),
    "TEST.MDPR.NFC.K2": whole(1),
    "TEST.MDPR.PROTOCOL": Choice(PROTOCOLS),
    "TEST.MDPR.PRECISION": Choice(("fp32", "bf16", "fp16")),
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
        centralization: neighbour feature centralization, which comes first; None for none.
        expansion: query expansion, None for none.
        roc: whether TPR@FPR is wanted.
        save_features, save_rankings: files to leave in the output folder.
    """

    metric: str = "cosine"
    ranking: RankingOptions = field(default_factory=RankingOptions)
    rerank: RerankOptions | None = None
    centralization: CentralizationOptions | None = None
    expansion: QueryExpansionOptions | None = None
    roc: bool = False
    save_features: bool = False
    save_rankings: bool = False

    @property
    def measure(self) -> str:
        """What distances are, before any re-ranking."""
        steps = {"centralized": self.centralization, "expanded": self.expansion}
        done = " and ".join(name for name, options in steps.items() if options is not None)
        return f"{self.metric} of {done} features" if done else self.metric

    @classmethod
    def from_config(cls, cfg: CfgNode) -> "EvaluationSettings":
        """Read a config; one of fast-reid without ``TEST.MDPR`` has its defaults.

        Raises:
            ConfigError: a key has a value that cannot be used; the message names it.
        """
        check_evaluation(cfg)
        test, rerank, aqe = cfg.TEST, cfg.TEST.RERANK, cfg.TEST.AQE
        settings = {
            "metric": test.METRIC,
            "rerank": RerankOptions(rerank.K1, rerank.K2, rerank.LAMBDA) if rerank.ENABLED else None,
            "expansion": QueryExpansionOptions(aqe.ALPHA, aqe.QE_TIME, aqe.QE_K) if aqe.ENABLED else None,
            "roc": test.ROC.ENABLED,
        }
        if "MDPR" in test:
            own = test.MDPR
            kept = own.RANKING_LENGTH if own.SAVE_RANKINGS else 0
            settings |= {
                "ranking": RankingOptions(protocol=own.PROTOCOL, top_k=kept),
                "centralization": CentralizationOptions(own.NFC.K1, own.NFC.K2) if own.NFC.ENABLED else None,
                "save_features": own.SAVE_FEATURES,
                "save_rankings": own.SAVE_RANKINGS,
            }
        return cls(**settings)


def check_evaluation(cfg: CfgNode) -> None:
    """Check what `EvaluationSettings` is read from.

    Raises:
        ConfigError: a value that cannot be used.
    """
    check_rules(cfg, _RULES | (_OWN_RULES if "MDPR" in cfg.TEST else {}))
