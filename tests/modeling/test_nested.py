"""The short form of the test feature: trained by itself, and the method does not notice."""

import copy

import pytest
import torch
from fastreid.modeling.meta_arch import build_model
from fastreid.utils.events import EventStorage
from mdpr.checkpoint.implied_config import implied_overrides
from mdpr.deployment import deploy
from mdpr.engine.setup import make_config
from mdpr.errors import ConfigError
from mdpr.modeling.losses import EmbeddingLosses
from support.configs import tiny_config
from torch.nn import functional as F

RECIPE = ("MODEL.HEADS.WITH_BNNECK", "True", "MODEL.HEADS.NECK_FEAT", "after", "MODEL.DEVICE", "cpu")
DIMS = [4, 8, 32]
NESTED = ("MODEL.MDPR.NESTED_DIMS", DIMS)
BATCH = {
    "images": torch.rand(8, 3, 64, 32, generator=torch.Generator().manual_seed(0)) * 255,
    "targets": torch.arange(8) // 2,
}


def trained_for_a_step(*options):
    torch.manual_seed(0)
    network = build_model(tiny_config(*options)).train()
    drawn = torch.rand(1)
    with EventStorage():
        losses = network(BATCH)
    sum(losses.values()).backward()
    return network, losses, drawn


@pytest.fixture(scope="module")
def without():
    return trained_for_a_step()


@pytest.fixture(scope="module")
def nested():
    return trained_for_a_step(*NESTED)


def test_the_method_does_not_notice(without, nested):
    (plain, expected, drawn), (network, losses, drawn_too) = without, nested
    assert not any("nested" in name for name in plain.state_dict())
    assert torch.equal(drawn, drawn_too)
    state = network.state_dict()
    assert {name for name in state if not name.startswith("nested.")} == set(plain.state_dict())
    for name, value in plain.state_dict().items():
        assert torch.equal(value, state[name]), name
    for name, loss in expected.items():
        assert torch.equal(loss, losses[name]), name
    parameters = dict(network.named_parameters())
    for name, parameter in plain.named_parameters():
        gradient = parameters[name].grad
        assert (parameter.grad is None) == (gradient is None), name
        assert gradient is None or torch.equal(parameter.grad, gradient), name
    assert {*losses} - {*expected} == {f"loss_nested_{d}_{kind}" for d in DIMS for kind in ("cls", "triplet")}


def test_gradients_reach_the_projection_alone(nested):
    network = copy.deepcopy(nested[0])
    network.zero_grad()
    with EventStorage():
        losses = network(BATCH)
    sum(loss for name, loss in losses.items() if "nested" in name).backward()
    reached = {name for name, p in network.named_parameters() if p.grad is not None and p.grad.any()}
    classifiers = {f"nested.classifiers.{d}.weight" for d in DIMS}
    assert reached == {"nested.projection.weight", "nested.norm.weight", *classifiers}


def test_losses_of_a_length_are_those_of_its_first_numbers(nested):
    network = nested[0]
    features = [torch.randn(8, 144, generator=torch.Generator().manual_seed(1))]
    y = features[0] @ network.nested.projection.weight.T
    y = (y - y.mean(0)) / (y.var(0, unbiased=False) + 1e-5).sqrt()
    outputs = copy.deepcopy(network.nested).training_outputs(features, BATCH["targets"])
    losses = EmbeddingLosses(tiny_config())
    for d in DIMS:
        weight = network.nested.classifiers[str(d)].weight
        cosines = F.normalize(y[:, :d]) @ F.normalize(weight).T
        margin = network.heads["fusion"].cls_layer
        expected = {"cls_outputs": margin(cosines, BATCH["targets"]), "features": y[:, :d]}
        found = losses("nested", outputs[f"nested_{d}"], BATCH["targets"])
        for name, loss in losses("nested", expected, BATCH["targets"]).items():
            torch.testing.assert_close(found[name], loss, rtol=1e-4, atol=1e-4)


def test_what_is_tested_is_deployed(nested, without):
    network = copy.deepcopy(nested[0]).eval()
    with torch.inference_mode():
        whole = network(BATCH)
        assert torch.equal(whole, without[0].eval()(BATCH))
        assert torch.equal(deploy(network)(BATCH), deploy(without[0])(BATCH))
        network.nested.tested = 32
        longest = network(BATCH)
        for d in DIMS:
            network.nested.tested = d
            assert torch.equal(network(BATCH), longest[:, :d])
            torch.testing.assert_close(deploy(network)(BATCH), longest[:, :d], rtol=1e-4, atol=1e-4)
    assert {n for n in deploy(network).state_dict() if "nested" in n} == {
        "network.nested.projection.weight",
        "network.nested.projection.bias",
    }


def test_weights_and_command_lines_say_the_lengths(nested):
    assert implied_overrides(nested[0].state_dict())["MODEL.MDPR.NESTED_DIMS"] == DIMS
    cfg, _ = make_config("", ["MODEL.META_ARCHITECTURE", "MDPR", *RECIPE, "MODEL.MDPR.NESTED_DIMS", "(4, 8)"])
    assert cfg.MODEL.MDPR.NESTED_DIMS == [4, 8]
    with pytest.raises(ConfigError, match=r"0 while MODEL\.META_ARCHITECTURE is Baseline"):
        make_config("", ["TEST.MDPR.NESTED_DIM", "8"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("MODEL.MDPR.NESTED_DIMS", [8, 8]), "ascending"),
        (("MODEL.MDPR.NESTED_DIMS", [0, 8]), "1 or more"),
        (("MODEL.MDPR.NESTED_DIMS", [8, 145]), "at most 144"),
        ((*NESTED, "TEST.MDPR.NESTED_DIM", 16), r"one of MODEL.MDPR.NESTED_DIMS \(4, 8, 32\)"),
        (("TEST.MDPR.NESTED_DIM", 16), "0, for the whole feature"),
    ],
)
def test_lengths_that_cannot_be_used(options, words):
    with pytest.raises(ConfigError, match=words):
        build_model(tiny_config(*options))
