import re

import pytest
from mdpr.engine.run_rules import RUN_RULES
from mdpr.engine.setup import make_config
from mdpr.errors import ConfigError
from mdpr.rules import check_rules
from support.configs import tiny_config

BAD_VALUES = [
    ("SOLVER.AMP.DTYPE", "fp8", "one of fp16, bf16"),
    ("SOLVER.ACCUMULATE", "0", "1 or more"),
    ("SOLVER.LOG_PERIOD", "-5", "1 or more"),
    ("SOLVER.SKIP_NONFINITE", "-1", "0 or more"),
    ("SOLVER.EMA.DECAY", "1.0", "below 1"),
    ("SOLVER.EMA.DECAY", "-0.1", "below 1"),
    ("SOLVER.EARLY_STOPPING.PATIENCE", "-1", "0 never stops"),
    ("SOLVER.EARLY_STOPPING.METRIC", "map", "one of mAP, Rank-1, Rank-5, Rank-10, mINP"),
    ("SOLVER.EARLY_STOPPING.MIN_DELTA", "-0.5", ">= 0"),
    ("SOLVER.CLIP_GRADIENTS.CLIP_TYPE", "length", "one of norm, value"),
    ("SOLVER.CLIP_GRADIENTS.CLIP_VALUE", "0.0", "above 0"),
    ("SOLVER.CLIP_GRADIENTS.NORM_TYPE", "-1.0", "above 0"),
]


@pytest.mark.parametrize(("key", "value", "allowed"), BAD_VALUES)
def test_bad_value_is_named_before_anything_starts(key, value, allowed):
    with pytest.raises(ConfigError, match=re.escape(allowed)) as error:
        make_config("", [key, value])
    assert str(error.value).startswith(f"{key} is ")


def test_nan_is_no_decay():
    with pytest.raises(ConfigError, match=r"SOLVER.EMA.DECAY is nan: expected a number"):
        check_rules(tiny_config("SOLVER.EMA.DECAY", float("nan")), RUN_RULES)


@pytest.mark.parametrize("key", ["SOLVER.ACCUMULATE", "SOLVER.EARLY_STOPPING.PATIENCE"])
def test_a_value_of_another_type_is_named(key):
    with pytest.raises(ConfigError, match=key.rpartition(".")[2]):
        make_config("", [key, "two"])
