"""Under no combination of switches is a parameter left without a gradient.

DistributedDataParallel would wait for it: that is why it runs without ``find_unused_parameters``.
"""

from dataclasses import replace
from itertools import product

import pytest
import torch
from fastreid.modeling.meta_arch import build_model
from fastreid.utils.events import EventStorage
from support.configs import tiny_config

BOTH = (True, False)
# hard branch, soft branch, guidance, fusion, distillation
NETWORKS = [
    *((True, True, *switches) for switches in product(BOTH, BOTH, BOTH)),
    *((False, True, guided, False, False) for guided in BOTH),
    (True, False, True, False, False),
]
SWITCHES = ("HARD_BRANCH", "SOFT_BRANCH", "GUIDED_ATTENTION", "FUSION", "DISTILLATION")


@pytest.mark.parametrize("network", NETWORKS, ids=str)
def test_every_parameter_has_a_gradient(network):
    options = zip((f"MODEL.MDPR.{name}" for name in SWITCHES), network, strict=True)
    model = build_model(tiny_config(*(value for pair in options for value in pair))).train()
    images = torch.randint(0, 256, (4, 3, 64, 32))
    for diversity, area in product((1.0, 0.0), (0.001, 0.0)):
        model.settings = replace(model.settings, diversity_scale=diversity, area_scale=area)
        model.zero_grad()
        with EventStorage():
            losses = model({"images": images, "targets": torch.tensor([0, 0, 1, 1])})
        sum(losses.values()).backward()
        without = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
        assert without == [], (diversity, area)


@pytest.mark.parametrize("names", [("CrossEntropyLoss",), ("CrossEntropyLoss", "CircleLoss")])
def test_under_other_losses(names):
    model = build_model(tiny_config("MODEL.LOSSES.NAME", names)).train()
    images = torch.randint(0, 256, (4, 3, 64, 32))
    with EventStorage():
        losses = model({"images": images, "targets": torch.tensor([0, 0, 1, 1])})
    sum(losses.values()).backward()
    assert [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None] == []
