"""Files of the authors' release convert whole, both ways."""

import json

import pytest
import torch
from fastreid.modeling.meta_arch import build_model
from mdpr.checkpoint import convert_official_state_dict, to_official_state_dict
from mdpr.checkpoint.official import is_official
from mdpr.errors import CheckpointError
from support.configs import ROOT, config

FULL = {
    "official_r50_duke": "Duke/mdpr_R50.yml",
    "official_r101_ibn_duke": "Duke/mdpr_R101_ibn.yml",
}


def official(name, later_variant=False):
    shapes = json.loads((ROOT / "tests/fixtures" / f"{name}.keys.json").read_text())
    # Without storage: shapes are what matters, and full weights are large.
    weights = {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}
    if later_variant:
        weights = {
            key.replace("predictor1.", "predictor1.conv.").replace("predictor2.", "predictor2.conv."): value
            for key, value in weights.items()
        }
    return weights


@pytest.mark.parametrize("later_variant", [False, True])
@pytest.mark.parametrize("name", FULL)
def test_full_checkpoint_is_accepted_whole(name, later_variant):
    weights = official(name, later_variant)
    converted = convert_official_state_dict(weights)
    with torch.device("meta"):
        model = build_model(config(FULL[name], "MODEL.HEADS.NUM_CLASSES", 702, "MODEL.DEVICE", "meta"))
    own = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    assert {key: tuple(value.shape) for key, value in converted.items()} == own


@pytest.mark.parametrize("later_variant", [False, True])
@pytest.mark.parametrize("name", FULL)
def test_round_trip(name, later_variant):
    weights = official(name, later_variant)
    back = to_official_state_dict(convert_official_state_dict(weights), later_variant)
    assert list(back) == list(weights)
    assert all(back[key] is weights[key] for key in weights)


def test_prefix_of_data_parallel():
    weights = {"module.hard_global_head.weight": torch.ones(1)}
    assert is_official({"module.generate.backbone.0.weight": 0})
    assert list(convert_official_state_dict(weights)) == ["heads.hard_global.weight"]


def test_unknown_names_are_shown():
    weights = {"hard_global_head.weight": torch.ones(1), "surprise.weight": torch.ones(1)}
    with pytest.raises(CheckpointError, match=r"1 of 2 .*not official MDPR names: surprise.weight"):
        convert_official_state_dict(weights)
    with pytest.raises(CheckpointError, match=r"not this project's names: fc.weight"):
        to_official_state_dict({"fc.weight": torch.ones(1)})


def test_our_names_are_not_taken_for_official():
    assert not is_official(build_model(config("Synthetic/mdpr_R18.yml")).state_dict())
