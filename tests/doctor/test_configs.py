"""The doctor's configs are those of the files that an installed package does not have."""

import pytest
from fastreid.config import get_cfg
from mdpr.config import add_mdpr_config
from mdpr.engine.config_file import merge, option_layer
from mdpr_doctor.configs import DEMO, MINIATURE, RECIPE, RUN, options
from support.configs import config


@pytest.mark.parametrize(("layer", "file"), [(RECIPE, "Base-MDPR.yml"), (DEMO, "Synthetic/mdpr_R18.yml")])
def test_the_same_as_the_file(layer, file):
    cfg = get_cfg()
    add_mdpr_config(cfg)
    merge(cfg, option_layer(options(layer, {"MODEL.DEVICE": "cpu"})))
    expected = config(file)
    cfg.OUTPUT_DIR = expected.OUTPUT_DIR
    assert cfg.dump() == expected.dump()


def test_later_layers_are_on_top():
    assert options({"A": 1, "B": [1, 2]}, {"A": ("x",)}) == ["A", "('x',)", "B", "[1, 2]"]
    assert RUN.keys() > MINIATURE.keys() > RECIPE.keys()
