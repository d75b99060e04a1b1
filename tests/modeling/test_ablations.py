"""The switches that the paper's method does not have: what is left computes what it did."""

import pytest
import torch
from fastreid.modeling.meta_arch import build_model
from mdpr.deployment import deploy
from mdpr.engine.setup import make_config
from mdpr.errors import ConfigError
from mdpr.inference.packing import metadata_of
from mdpr.modeling.branches import OneStageSoftBranch, SoftContentBranch
from mdpr.modeling.losses import LOSS_REGISTRY
from support.configs import CONFIGS, tiny_config
from torch import nn

IMAGES = torch.rand(4, 3, 64, 32, generator=torch.Generator().manual_seed(0)) * 255
FEATURES = "TEST.MDPR.FEATURES"


@pytest.mark.parametrize("stage", [4, 3])
def test_one_stage_is_the_whole_branch_there(stage):
    def stages():
        return nn.Conv2d(2, 4, 1), nn.Conv2d(4, 8, 1)

    settings = {"channels4": 8, "embedding_dim": 5, "num_attentions": 2, "norm": "BN"}
    whole = SoftContentBranch(*stages(), guided=False, **settings)
    one = OneStageSoftBranch(*stages(), stage=stage, **settings)
    pairs = {
        "layer3": "layer3",
        "layer4": "layer4",
        "refinement": f"refinement{stage}",
        "embedding": f"embedding{stage}",
        "logits": f"attention.logits{stage}",
        "pooling": f"pooling{stage}",
    }
    for name, part in one.named_children():
        part.load_state_dict(whole.get_submodule(pairs[name]).state_dict())
    shared = torch.randn(3, 2, 4, 4)
    expected, found = whole(shared), one(shared)
    assert set(found.maps) == set(found.attentions) == {stage}
    assert torch.equal(found.maps[stage], expected.maps[stage])
    assert torch.equal(found.attentions[stage].maps, expected.attentions[stage].maps)
    assert torch.equal(found.attentions[stage].pooled, expected.attentions[stage].pooled)


def test_both_directions_together_are_mutual():
    whole, to_hard, to_soft = (
        LOSS_REGISTRY.get(name, "distillation")(6, "BN")
        for name in ("MutualDistillation", "DistillationToHard", "DistillationToSoft")
    )
    to_hard.predictor_hard, to_soft.predictor_soft = whole.predictor_hard, whole.predictor_soft
    hard, soft = torch.randn(2, 5, 6).requires_grad_().unbind()
    torch.testing.assert_close(to_hard(hard, soft) + to_soft(hard, soft), whole(hard, soft))


@pytest.mark.parametrize(("name", "learns"), [("DistillationToHard", 0), ("DistillationToSoft", 1)])
def test_one_direction_teaches_one_branch(name, learns):
    features = [torch.randn(5, 6, requires_grad=True) for _ in range(2)]
    LOSS_REGISTRY.get(name, "distillation")(6, "BN")(*features).backward()
    assert [feature.grad is not None for feature in features] == [learns == 0, learns == 1]


def test_the_test_feature_is_made_of_the_parts_that_are_named():
    torch.manual_seed(0)
    network = build_model(tiny_config()).eval()
    wanted = ["fusion", "hard_global", "attn_feature3"]
    cfg = tiny_config(FEATURES, wanted)
    subset = build_model(cfg).eval()
    subset.load_state_dict(network.state_dict())  # training is the same
    with torch.no_grad():
        whole = network(IMAGES)
        expected = torch.cat([whole[:, :16], whole[:, 64:]], dim=1)  # in the order of the whole
        assert torch.equal(subset(IMAGES), expected)
    deployed = deploy(subset, attention=True)
    torch.testing.assert_close(deployed(IMAGES), expected, rtol=1e-3, atol=1e-4)
    assert metadata_of(deployed, cfg)["layout"] == [
        {"name": "hard_global", "start": 0, "stop": 16},
        {"name": "attn_feature3", "start": 16, "stop": 32},
        {"name": "fusion", "start": 32, "stop": 96},
    ]
    assert list(deployed.network.heads) == ["hard_global", "attn_feature3", "fusion"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([FEATURES, ["fuson"]], r"FEATURES is 'fuson': .* hard_global, .*fusion \(did you mean 'fusion'\?\)"),
        ([FEATURES, ["fusion"], "MODEL.MDPR.FUSION", False], "names out of .*attn_feature3$"),
        (
            [FEATURES, ["fusion"], "MODEL.MDPR.NESTED_DIMS", [8], "TEST.MDPR.NESTED_DIM", 8],
            r"\[\] while TEST.MDPR.NESTED_DIM",
        ),
        ([FEATURES, ["fusion"], "MODEL.META_ARCHITECTURE", "Baseline"], r"\[\] while MODEL.META_ARCH"),
        (
            ["MODEL.HEADS.NECK_FEAT", "before", "MODEL.MDPR.NESTED_DIMS", [8]],
            r"NECK_FEAT is 'before': .*'after' while MODEL.MDPR.NESTED_DIMS",
        ),
        (
            ["SOLVER.NEW_LAYERS_WARMUP_ITERS", 100, "MODEL.META_ARCHITECTURE", "Baseline"],
            "0 while MODEL.META_ARCHITECTURE is Baseline",
        ),
        (["MODEL.MDPR.SOFT_STAGES", [4]], r"GUIDED_ATTENTION is True: .*SOFT_STAGES is \[4\]"),
        (["MODEL.MDPR.SOFT_STAGES", []], r"\[3, 4\], \[3\] or \[4\]"),
        (["MODEL.MDPR.SOFT_STAGES", [4, 3]], r"\[3, 4\], \[3\] or \[4\]"),
    ],
)
def test_what_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        make_config(str(CONFIGS / "Synthetic/mdpr_R18.yml"), [str(part) for part in options])
