"""Frozen layers stay frozen for so many steps of the run, not of the process."""

import pytest
import torch
from fastreid.config import get_cfg
from fastreid.solver import build_optimizer
from fastreid.solver.build import maybe_add_freeze_layer
from mdpr.compat.layer_freezing import with_frozen_layers
from torch import nn


@pytest.fixture
def cfg():
    cfg = get_cfg()
    cfg.merge_from_list(["MODEL.FREEZE_LAYERS", ["0"], "SOLVER.FREEZE_ITERS", 3])
    return cfg


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 1))


def step(model, optimizer):
    model(torch.ones(2, 4)).sum().backward()
    optimizer.step()
    assert model[0].weight.grad is not None
    optimizer.zero_grad()


def test_as_long_as_fastreids(cfg):
    ours, theirs = network(), network()
    groups = [
        {"params": layer.parameters(), "freeze_status": status}
        for layer, status in zip(theirs, ("freeze", "normal"), strict=True)
    ]
    optimizers = (
        build_optimizer(cfg, ours)[0],
        maybe_add_freeze_layer(cfg, torch.optim.Adam)(
            groups, lr=cfg.SOLVER.BASE_LR, weight_decay=cfg.SOLVER.WEIGHT_DECAY
        ),
    )
    start = ours[0].weight.clone()
    for number in range(5):
        step(ours, optimizers[0])
        step(theirs, optimizers[1])
        assert torch.equal(start, ours[0].weight) == (number < 3)
        for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(one, other)


@pytest.mark.parametrize("restart", [1, 3, 4])
def test_a_restart_does_not_freeze_again(cfg, restart):
    whole, model = network(), network()
    optimizers = [build_optimizer(cfg, net)[0] for net in (whole, model)]
    for number in range(6):
        if number == restart:
            state = optimizers[1].state_dict()
            optimizers[1] = build_optimizer(cfg, model)[0]
            optimizers[1].load_state_dict(state)
        step(whole, optimizers[0])
        step(model, optimizers[1])
    for one, other in zip(whole.parameters(), model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_nothing_to_freeze(cfg):
    cfg.SOLVER.FREEZE_ITERS = 0
    assert with_frozen_layers(cfg, torch.optim.Adam) is torch.optim.Adam
