import pytest
from fastreid.config import get_cfg
from mdpr.config import add_mdpr_config
from mdpr.errors import ConfigError
from mdpr.evaluation import (
    CentralizationOptions,
    EvaluationSettings,
    QueryExpansionOptions,
    RankingOptions,
    ReidEvaluator,
    RerankOptions,
)


def config(*options):
    cfg = get_cfg()
    add_mdpr_config(cfg)
    cfg.merge_from_list(list(options))
    return cfg


def test_defaults_are_those_of_a_config_of_fastreid():
    settings = EvaluationSettings.from_config(get_cfg())
    assert settings == EvaluationSettings() == EvaluationSettings.from_config(config())


def test_every_key_is_read():
    settings = EvaluationSettings.from_config(
        config(
            *("TEST.METRIC", "euclidean", "TEST.ROC.ENABLED", True),
            *("TEST.RERANK.ENABLED", True, "TEST.RERANK.K1", 9, "TEST.RERANK.K2", 4),
            *("TEST.RERANK.LAMBDA", 0.5, "TEST.AQE.ENABLED", True, "TEST.AQE.ALPHA", 2.0),
            *("TEST.AQE.QE_TIME", 3, "TEST.AQE.QE_K", 8, "TEST.MDPR.PROTOCOL", "cuhk03"),
            *("TEST.MDPR.SAVE_FEATURES", True, "TEST.MDPR.SAVE_RANKINGS", True),
            *("TEST.MDPR.RANKING_LENGTH", 12),
            *("TEST.MDPR.NFC.ENABLED", True, "TEST.MDPR.NFC.K1", 4, "TEST.MDPR.NFC.K2", 3),
        )
    )
    assert settings == EvaluationSettings(
        metric="euclidean",
        ranking=RankingOptions(protocol="cuhk03", top_k=12),
        rerank=RerankOptions(9, 4, 0.5),
        centralization=CentralizationOptions(4, 3),
        expansion=QueryExpansionOptions(2.0, 3, 8),
        roc=True,
        save_features=True,
        save_rankings=True,
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("TEST.METRIC", "l1"), "TEST.METRIC is 'l1': expected one of cosine, euclidean"),
        (
            ("TEST.RERANK.ENABLED", True, "TEST.RERANK.K1", 0),
            "TEST.RERANK.K1 is 0: expected a whole number of 1 or more",
        ),
        (("TEST.MDPR.NFC.K2", 0), "TEST.MDPR.NFC.K2 is 0: expected a whole number of 1 or more"),
        (
            ("TEST.AQE.ENABLED", True, "TEST.AQE.QE_K", 0),
            "TEST.AQE.QE_K is 0: expected .* 1 or more",
        ),
        (
            ("TEST.MDPR.PROTOCOL", "duke"),
            "TEST.MDPR.PROTOCOL is 'duke': expected one of market1501, cuhk03",
        ),
        (("TEST.MDPR.RANKING_LENGTH", 0), "TEST.MDPR.RANKING_LENGTH is 0: expected .* 1 or more"),
    ],
)
def test_wrong_values_are_named_before_anything_is_evaluated(options, message):
    with pytest.raises(ConfigError, match=message):
        ReidEvaluator(config(*options), 20)


def test_what_distances_are_says_whether_features_were_expanded():
    assert EvaluationSettings.from_config(config()).measure == "cosine"
    expanded = config("TEST.AQE.ENABLED", True, "TEST.METRIC", "euclidean")
    assert EvaluationSettings.from_config(expanded).measure == "euclidean of expanded features"


def test_wrong_types_are_named():
    cfg = config()
    cfg.TEST.MDPR.SAVE_FEATURES = "yes"
    with pytest.raises(ConfigError, match=r"TEST\.MDPR\.SAVE_FEATURES is 'yes': expected True or False"):
        EvaluationSettings.from_config(cfg)
