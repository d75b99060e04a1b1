"""One registry of all terms: of a user's own, each role takes its place in the network, and no other."""

import pytest
import torch
from fastreid.modeling.meta_arch import build_model
from fastreid.utils.events import EventStorage
from mdpr import LOSS_REGISTRY
from mdpr.errors import ConfigError
from mdpr.inference import deploy
from mdpr.modeling.losses.registry import ROLES
from support.configs import tiny_config
from torch import nn

OWN = (
    *("MODEL.LOSSES.NAME", ("CrossEntropyLoss", "Own"), "MODEL.MDPR.AUXILIARY_LOSSES", ["Own"]),
    *("MODEL.MDPR.DISTILLATION_NAME", "Own", "MODEL.MDPR.DISTILLATION_SCALE", 2.0),
    *("MODEL.MDPR.DIVERSITY_NAME", "Own", "MODEL.MDPR.DIVERSITY_SCALE", 3.0),
    *("MODEL.MDPR.AREA_NAME", "OwnArea", "MODEL.MDPR.AREA_SCALE", 4.0),
)


@pytest.fixture
def registry(monkeypatch):
    """The registry, as it was again afterwards."""
    monkeypatch.setattr(LOSS_REGISTRY, "_obj_map", dict(LOSS_REGISTRY._obj_map))
    return LOSS_REGISTRY


@pytest.fixture
def seen(registry):
    """Enters a term of each role, and keeps the shapes that they are called with."""
    seen = {role: [] for role in ROLES}

    @registry.register("embedding", "Own")
    def embedding(cfg):
        def loss(output, targets):
            seen["embedding"].append((output["features"].shape, targets.shape))
            return output["features"].sum() * 0 + cfg.MODEL.HEADS.NUM_CLASSES

        return "own", loss

    @registry.register("distillation")
    class Own(nn.Module):
        def __init__(self, embedding_dim, norm):
            super().__init__()
            self.project = nn.Linear(embedding_dim, 1)

        def forward(self, hard, soft):
            seen["distillation"].append((hard.shape, soft.shape))
            return self.project(hard + soft).sum() * 0 + 10

    @registry.register("diversity", "Own")
    def diversity(cfg):
        def loss(attention):
            seen["diversity"].append(attention.pooled.shape)
            return attention.pooled.sum() * 0 + 100

        return loss

    @registry.register("area")
    def OwnArea(cfg):  # noqa: N802 - its name in configs
        def loss(attention):
            seen["area"].append(attention.maps.shape)
            return attention.maps.sum() * 0 + 1000

        return loss

    @registry.register("auxiliary", "Own")
    class Auxiliary(nn.Module):
        def __init__(self, cfg):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(()))

        def forward(self, outputs, targets):
            seen["auxiliary"].append((sorted(outputs), targets.shape))
            return 7 * self.weight

    return seen


def test_terms_of_ones_own_take_their_places(seen):
    model = build_model(tiny_config(*OWN)).train()
    batch = {"images": 255 * torch.rand(4, 3, 64, 32), "targets": torch.tensor([0, 0, 1, 1])}
    with EventStorage():
        losses = model(batch)
    values = {name: loss.item() for name, loss in losses.items() if not name.endswith("_cls")}
    embeddings = ["attn_feature3", "attn_feature4", "fusion", "hard_global", "hard_part_0", "hard_part_1"]
    assert values == {
        **{f"loss_{name}_own": 4 for name in embeddings},
        "loss_mutual_distillation": 2 * 10,
        **{f"loss_diversity_loss_{stage}": 3 * 100 for stage in (4, 3)},
        **{f"loss_diversity_loss_reg_{stage}": 4 * 1000 for stage in (4, 3)},
        "loss_Own": 7,
    }
    assert seen == {
        "embedding": [((4, 16), (4,))] * 5 + [((4, 64), (4,))],
        "distillation": [((4, 16), (4, 16))],
        "diversity": [(4, 2, 16)] * 2,
        "area": [(4, 2, 4, 2)] * 2,
        "auxiliary": [(embeddings, (4,))],
    }
    sum(losses.values()).backward()
    trained = dict(model.named_parameters())
    for name in ("distillation.project.weight", "auxiliary_losses.Own.weight"):
        assert trained[name].grad is not None
    deployed = dict(deploy(model).named_parameters())
    assert not any("distillation" in name or "auxiliary" in name for name in deployed)


def test_a_scale_of_zero_computes_nothing(seen):
    terms = ("DISTILLATION", "DIVERSITY", "AREA")
    scales = [part for term in terms for part in (f"MODEL.MDPR.{term}_SCALE", 0.0)]
    model = build_model(tiny_config(*OWN, *scales)).train()
    with EventStorage():
        model({"images": 255 * torch.rand(4, 3, 64, 32), "targets": torch.tensor([0, 0, 1, 1])})
    assert not (seen["distillation"] or seen["diversity"] or seen["area"])
    assert seen["embedding"] and seen["auxiliary"]


@pytest.mark.parametrize("role", ROLES)
def test_a_name_counts_in_its_own_role_only(registry, role):
    registry.register(role, "Term")(object)
    assert registry.get("Term", role) is object
    assert "Term" in registry.names(role)
    for other in ROLES.keys() - {role}:
        assert "Term" not in registry.names(other)
        listed = ", ".join(registry.names(other)) or r"\(there are none\)"
        with pytest.raises(ConfigError, match=rf"^{ROLES[other]} is 'Term': expected one of {listed}"):
            registry.get("Term", other)


def test_roles_that_there_are_not(registry):
    with pytest.raises(ConfigError, match=r"the role of a loss is 'distilation': .*'distillation'\?"):
        registry.register("distilation")
    with pytest.raises(AssertionError, match=r"TripletLoss.*already registered"):
        registry.register("embedding", "TripletLoss")(object)
