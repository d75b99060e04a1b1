"""The accelerated network computes what the paper's modules compute, with the same weights and names."""

import copy

import pytest
import torch
from fastreid.modeling.meta_arch import build_model
from fastreid.utils.events import EventStorage
from mdpr.engine.network import build_network
from mdpr.inference import deploy
from mdpr.kernels import KERNELS, accelerate
from support.configs import ONE_BRANCH, tiny_config

SWITCHES = {
    "as it is": (),
    "IBN": ("MODEL.BACKBONE.WITH_IBN", True),
    "bottlenecks": ("MODEL.BACKBONE.DEPTH", "50x", "MODEL.BACKBONE.FEAT_DIM", 2048),
    "unguided": ("MODEL.MDPR.GUIDED_ATTENTION", False),
    "no fusion": ("MODEL.MDPR.FUSION", False),
    "no distillation": ("MODEL.MDPR.DISTILLATION", False),
    "four parts, three maps": ("MODEL.MDPR.NUM_PARTS", 4, "MODEL.MDPR.NUM_ATTENTIONS", 3),
    "one map": ("MODEL.MDPR.NUM_ATTENTIONS", 1),
    "soft branch alone": tuple(ONE_BRANCH),
    "hard branch alone": tuple(option.replace("HARD", "SOFT") for option in ONE_BRANCH),
}


def pair(*options):
    """The plain network in float64, and an equal one to accelerate."""
    plain = build_model(tiny_config(*options)).double().train()
    return plain, copy.deepcopy(plain)


def batch(size=4):
    return {"images": 255 * torch.rand(size, 3, 64, 32), "targets": torch.arange(size) // 2}


def assert_same(ours, plain):
    images = batch()
    with EventStorage():
        losses, expected = ours(images), plain(images)
    torch.testing.assert_close(losses, expected)
    sum(losses.values()).backward()
    sum(expected.values()).backward()
    for (name, one), other in zip(ours.named_parameters(), plain.parameters(), strict=True):
        if other.grad is not None:
            torch.testing.assert_close(one.grad, other.grad, msg=name)
    torch.testing.assert_close(ours.state_dict(), plain.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(ours.eval()(images), plain.eval()(images))


@pytest.mark.parametrize(
    ("switch", "recompute"), [*((switch, False) for switch in SWITCHES), ("IBN", True), ("bottlenecks", True)]
)
def test_losses_gradients_statistics_and_features_are_the_same(switch, recompute):
    plain, ours = pair(*SWITCHES[switch])
    assert list(accelerate(ours, recompute=recompute).state_dict()) == list(plain.state_dict())
    assert_same(ours, plain)


@pytest.mark.parametrize("name", KERNELS)
def test_each_kernel_alone(name):
    plain, ours = pair()
    accelerate(ours, only=[name])
    changed = {type(part) for part in ours.modules()} - {type(part) for part in plain.modules()}
    assert changed or name == "channels_last"
    assert_same(ours, plain)


def test_a_wrong_name_is_refused_before_anything_changes():
    _, ours = pair(*ONE_BRANCH)
    with pytest.raises(ValueError, match="'windograd': there are convolutions, winograd"):
        accelerate(ours, only=["windograd"])
    assert not any(type(part).__module__.startswith("mdpr.kernels") for part in ours.modules())


def test_accelerating_again_changes_nothing():
    _, ours = pair(*ONE_BRANCH)
    once = [type(part) for part in accelerate(ours).modules()]
    assert [type(part) for part in accelerate(ours).modules()] == once
    assert len(ours.backbone._forward_pre_hooks) == 1


def test_fastreid_builds_the_plain_network_and_the_trainer_the_accelerated_one():
    def kernels_of(network):
        return {type(part).__module__ for part in network.modules()} & {"mdpr.kernels.convolution"}

    assert kernels_of(build_model(tiny_config())) == set()
    assert kernels_of(build_network(tiny_config())) != set()
    assert kernels_of(build_network(tiny_config("MODEL.ACCELERATE", False))) == set()
    baseline = build_network(tiny_config("MODEL.META_ARCHITECTURE", "Baseline"))
    assert kernels_of(baseline) == set()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_both_forms_deploy_to_the_same(dtype):
    plain = build_model(tiny_config()).eval()
    ours = accelerate(copy.deepcopy(plain))
    images = batch()["images"]
    assert torch.equal(deploy(plain, dtype=dtype)(images), deploy(ours, dtype=dtype)(images))
