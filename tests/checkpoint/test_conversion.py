"""Weight files converted by the command a user runs, and the config that weights imply."""

import pytest
import torch
from fastreid.modeling.meta_arch import build_model
from mdpr.checkpoint import read_checkpoint, state_dict_of, to_official_state_dict
from mdpr.checkpoint.conversion import convert_file
from mdpr.checkpoint.implied_config import implied_overrides
from mdpr.errors import CheckpointError
from mdpr_doctor import reference
from support.configs import config, tiny_config
from support.processes import python

SWITCHES = [
    (),
    ("MODEL.MDPR.NUM_PARTS", 4, "MODEL.MDPR.NUM_ATTENTIONS", 3),
    ("MODEL.MDPR.GUIDED_ATTENTION", False, "MODEL.MDPR.DISTILLATION", False),
    ("MODEL.MDPR.SOFT_BRANCH", False, "MODEL.MDPR.FUSION", False, "MODEL.MDPR.DISTILLATION", False),
    ("MODEL.MDPR.HARD_BRANCH", False, "MODEL.MDPR.FUSION", False, "MODEL.MDPR.DISTILLATION", False),
    ("MODEL.MDPR.SOFT_STAGES", [4], "MODEL.MDPR.GUIDED_ATTENTION", False),
    (
        *("MODEL.MDPR.HARD_BRANCH", False, "MODEL.MDPR.FUSION", False, "MODEL.MDPR.DISTILLATION", False),
        *("MODEL.MDPR.SOFT_STAGES", [3], "MODEL.MDPR.GUIDED_ATTENTION", False),
    ),
    ("MODEL.BACKBONE.DEPTH", "34x"),
    ("MODEL.BACKBONE.DEPTH", "50x", "MODEL.BACKBONE.FEAT_DIM", 2048),
    (
        "MODEL.BACKBONE.DEPTH",
        "101x",
        "MODEL.BACKBONE.FEAT_DIM",
        2048,
        "MODEL.BACKBONE.WITH_IBN",
        True,
    ),
]


@pytest.mark.parametrize("switches", SWITCHES, ids=str)
def test_implied_overrides_rebuild_the_network(switches):
    weights = build_model(tiny_config(*switches)).state_dict()
    overrides = implied_overrides(weights)
    pairs = [item for pair in overrides.items() for item in pair]
    size = ("INPUT.SIZE_TRAIN", [64, 32], "INPUT.SIZE_TEST", [64, 32])
    rebuilt = build_model(config("Base-MDPR.yml", *size, *pairs)).state_dict()
    assert {n: t.shape for n, t in rebuilt.items()} == {n: t.shape for n, t in weights.items()}


@pytest.fixture(scope="module")
def official(make_folder):
    """A file as the authors' release writes it."""
    path = make_folder("weights") / "official.pth"
    weights = reference.state_dict(reference.run("official_r18")["state_dict_shapes"])
    torch.save({"model": weights, "epoch": 59, "iteration": 7}, path)
    return path


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
@pytest.mark.parametrize("later_variant", [False, True])
def test_round_trip_is_bit_equal(official, tmp_path, suffix, later_variant):
    ours, back, again = (tmp_path / f"{name}.{suffix}" for name in ("ours", "back", "again"))
    convert_file(official, ours)
    convert_file(ours, back, to_official=True, later_variant=later_variant)
    convert_file(back, again)
    weights = state_dict_of(read_checkpoint(official), official)
    returned = state_dict_of(read_checkpoint(back), back)
    names = {name.replace(".conv.", ".") if name.startswith("predictor") else name: name for name in returned}
    assert set(names) == set(weights)
    assert all(torch.equal(returned[names[name]], weights[name]) for name in weights)
    one, other = (state_dict_of(read_checkpoint(path), path) for path in (ours, again))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_command(official, tmp_path):
    target = tmp_path / "ours.safetensors"
    result = python("scripts/convert_weights.py", official, target)
    assert result.returncode == 0, result.stderr
    for line in (
        "MODEL.BACKBONE.DEPTH 18x",
        "MODEL.MDPR.EMBEDDING_DIM 64",
        "MODEL.HEADS.NUM_CLASSES 16",
    ):
        assert line in result.stdout
    assert target.exists()


def test_target_is_not_overwritten(official, tmp_path):
    target = tmp_path / "mine.pth"
    target.write_text("mine")
    with pytest.raises(CheckpointError, match=r"mine.pth exists.*--force"):
        convert_file(official, target)
    assert target.read_text() == "mine"
    convert_file(official, target, overwrite=True)
    assert read_checkpoint(target)


def test_other_networks_are_refused(tmp_path):
    path = tmp_path / "resnet.pth"
    torch.save({"conv1.weight": torch.ones(1), "fc.weight": torch.ones(1)}, path)
    with pytest.raises(CheckpointError, match=r"no MDPR network.*conv1.weight, fc.weight"):
        convert_file(path, tmp_path / "out.pth")


def test_baseline_is_refused(tmp_path):
    path = tmp_path / "baseline.pth"
    torch.save(build_model(tiny_config("MODEL.META_ARCHITECTURE", "Baseline")).state_dict(), path)
    with pytest.raises(CheckpointError, match="no MDPR network"):
        convert_file(path, tmp_path / "out.pth")


def test_official_names_cover_every_tensor():
    weights = build_model(tiny_config()).state_dict()
    assert len(to_official_state_dict(weights)) == len(weights)
