"""Recomputed activations change nothing but what is kept."""

import pytest
import torch
from fastreid.utils.events import EventStorage
from mdpr.engine.network import build_network
from mdpr.kernels.recomputation import RecomputedStage
from support.configs import tiny_config
from torch import nn
from torch.autograd.graph import saved_tensors_hooks

SWITCH = ("MODEL.MDPR.RECOMPUTE_ACTIVATIONS", True)


def step(model, batch):
    """Losses of one training step, and the bytes kept for its backward pass."""
    kept = {}

    def keep(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with EventStorage(), saved_tensors_hooks(keep, lambda tensor: tensor):
        losses = model(batch)
    total = sum(kept.values())
    sum(losses.values()).backward()
    return losses, total


@pytest.mark.parametrize(
    "options", [(), ("MODEL.BACKBONE.NORM", "syncBN"), ("MODEL.BACKBONE.WITH_IBN", True)], ids=str
)
def test_losses_gradients_and_statistics_are_the_same(options):
    options = ("MODEL.BACKBONE.DEPTH", "34x", *options)
    plain = build_network(tiny_config(*options)).train()
    recomputing = build_network(tiny_config(*options, *SWITCH)).train()
    recomputing.load_state_dict(plain.state_dict())
    batch = {"images": 255 * torch.rand(4, 3, 64, 32), "targets": torch.arange(4) // 2}
    expected, kept = step(plain, batch)
    losses, kept_when_recomputing = step(recomputing, batch)
    assert {n: v.item() for n, v in losses.items()} == {n: v.item() for n, v in expected.items()}
    for (name, ours), theirs in zip(recomputing.named_parameters(), plain.parameters(), strict=True):
        if theirs.grad is not None:
            assert torch.equal(ours.grad, theirs.grad), name
    for name, value in plain.state_dict().items():
        assert torch.equal(recomputing.state_dict()[name], value), name
    parameters = sum(p.nbytes for p in plain.parameters())
    assert kept_when_recomputing - parameters < 0.8 * (kept - parameters)


def test_each_block_runs_twice_at_most():
    calls = []

    class Block(nn.Linear):
        def forward(self, x):
            calls.append(self)
            return super().forward(x).relu()

    stage = RecomputedStage(*(Block(3, 3) for _ in range(7)))
    x = torch.randn(2, 3, requires_grad=True)
    stage(x).sum().backward()
    assert {calls.count(block) for block in stage} == {2}
    calls.clear()
    with torch.no_grad():
        expected = nn.Sequential(*stage)(x)
        calls.clear()
        assert torch.equal(stage(x), expected)
    assert len(calls) == 7
