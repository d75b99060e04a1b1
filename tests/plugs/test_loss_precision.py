"""Losses and heads of fast-reid give under autocast what they give in float32."""

import pytest
import torch
from fastreid.modeling.heads import REID_HEADS_REGISTRY
from fastreid.modeling.losses import (
    cross_entropy_loss,
    pairwise_circleloss,
    pairwise_cosface,
    triplet_loss,
)
from fastreid.modeling.meta_arch import baseline, mgn
from support.configs import tiny_config

TARGETS = torch.tensor([0, 0, 1, 1, 2, 2])
LOSSES = {
    "cross-entropy": lambda x: cross_entropy_loss(x, TARGETS, 0.1),
    "cross-entropy, adaptive": lambda x: cross_entropy_loss(x, TARGETS, -1.0, 0.2),
    "triplet": lambda x: triplet_loss(x, TARGETS, 0.05, False, True),
    "triplet, all pairs": lambda x: triplet_loss(x, TARGETS, 0.05, False, False),
    "triplet, cosine": lambda x: triplet_loss(x, TARGETS, 0.3, True, True),
    "circle": lambda x: pairwise_circleloss(x, TARGETS, 0.25, 128.0),
    "cosface": lambda x: pairwise_cosface(x, TARGETS, 0.25, 64.0),
}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("name", LOSSES)
def test_loss_of_given_features_is_the_same_under_autocast(name, dtype):
    """Long, close features, whose distances would be noise in half precision."""
    loss = LOSSES[name]
    features = 10 + torch.randn(6, 512)
    rounded = features.to(dtype)
    expected, expected_of_rounded = loss(features), loss(rounded.float())
    with torch.autocast("cpu", dtype):
        assert torch.equal(loss(features), expected)
        # Features that come out of the network in half precision are at least not rounded again.
        assert torch.equal(loss(rounded), expected_of_rounded)


@pytest.mark.parametrize("module", [baseline, mgn])
def test_architectures_use_the_mended_losses(module):
    assert module.cross_entropy_loss is cross_entropy_loss
    assert module.pairwise_circleloss is pairwise_circleloss
    assert module.pairwise_cosface is pairwise_cosface


@pytest.mark.parametrize("classifier", ["Linear", "CosSoftmax", "ArcSoftmax", "CircleSoftmax"])
@pytest.mark.parametrize("head", ["EmbeddingHead", "ClasHead", "MDPRHead"])
def test_heads_pool_and_classify_in_float32(head, classifier):
    cfg = tiny_config("MODEL.HEADS.CLS_LAYER", classifier, "MODEL.HEADS.SCALE", 64)
    heads = REID_HEADS_REGISTRY.get(head)(cfg).train()
    with torch.no_grad():
        heads.weight.normal_()
    features, targets = torch.rand(6, 512, 4, 2) * 5, TARGETS
    expected = heads(features.bfloat16().float(), targets)
    with torch.autocast("cpu", torch.bfloat16):
        outputs = heads(features.bfloat16(), targets)
    for name, value in expected.items():
        assert torch.equal(outputs[name], value), name
