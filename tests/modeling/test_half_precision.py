"""The head and the triplet loss of the ablation round where autocast rounds, and are else the method's."""

import numpy as np
import pytest
import torch
from fastreid.modeling.losses import triplet_loss
from mdpr.modeling.half_precision import HalfPrecisionHead
from mdpr.modeling.heads import MDPRHead
from mdpr.modeling.losses import LOSS_REGISTRY, EmbeddingLosses
from support.configs import tiny_config

TARGETS = torch.tensor([0, 0, 1, 1, 2, 2])


def half(array):
    return np.asarray(array, np.float32).astype(np.float16)


def test_cosines_are_rounded_and_all_else_is_the_methods_head():
    cfg = tiny_config()
    torch.manual_seed(0)
    exact, rounded = MDPRHead(cfg).train(), HalfPrecisionHead(cfg).train()
    torch.nn.init.normal_(exact.weight)
    rounded.load_state_dict(exact.state_dict())
    maps = torch.rand(6, 512, 4, 2) * 5
    expected, outputs = exact(maps, TARGETS), rounded(maps, TARGETS)
    assert torch.equal(outputs["features"], expected["features"])
    features = torch.nn.functional.normalize(expected["features"]).detach().numpy()
    classes = torch.nn.functional.normalize(exact.weight).detach().numpy()
    products = half(features).astype(np.float64) @ half(classes).astype(np.float64).T
    scaled = half(half(products) * np.float32(cfg.MODEL.HEADS.SCALE))
    # One unit in the last place: a product is summed in another order.
    assert np.allclose(outputs["pred_class_logits"].detach().float(), scaled, rtol=2**-9, atol=2**-9)
    assert outputs["cls_outputs"].dtype == torch.float16
    assert torch.allclose(outputs["cls_outputs"].float(), expected["cls_outputs"], rtol=0.01, atol=0.2)
    outputs["cls_outputs"].float().logsumexp(1).mean().backward()
    assert rounded.weight.grad.abs().sum() > 0
    rounded.eval()
    exact.eval()
    assert torch.equal(rounded(maps), exact(maps))


@pytest.mark.parametrize("margin", [0.05, 0.0])
@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("hard", [True, False])
def test_triplet_is_fastreids_but_for_rounded_products(hard, norm, margin):
    values = {"MARGIN": margin, "NORM_FEAT": norm, "HARD_MINING": hard, "SCALE": 2.0}
    options = [part for key, value in values.items() for part in (f"MODEL.LOSSES.TRI.{key}", value)]
    name, loss = LOSS_REGISTRY.get("HalfPrecisionTripletLoss", "embedding")(tiny_config(*options))
    torch.manual_seed(0)
    far = torch.randn(6, 32, requires_grad=True)
    expected = 2 * triplet_loss(far, TARGETS, margin, norm, hard_mining=hard)
    found = loss({"features": far}, TARGETS)
    assert name == "half_precision_triplet"
    assert found.item() == pytest.approx(expected.item(), rel=0.02)
    (gradient,) = torch.autograd.grad(found, far, retain_graph=True)
    (of_theirs,) = torch.autograd.grad(expected, far)
    assert torch.cosine_similarity(gradient.flatten(), of_theirs.flatten(), dim=0) > 0.99


def test_close_features_have_the_distances_of_half_precision():
    torch.manual_seed(0)
    features = 10 + 0.1 * torch.randn(6, 128)
    _, loss = LOSS_REGISTRY.get("HalfPrecisionTripletLoss", "embedding")(tiny_config())
    found = loss({"features": features}, TARGETS).item()
    exact = triplet_loss(features, TARGETS, 0.05, False, True).item()
    rows, rounded = features.numpy(), half(features).astype(np.float64)
    products = half(rounded @ rounded.T).astype(np.float64)
    squares = (rows.astype(np.float64) ** 2).sum(1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares - 2 * products, 1e-12))
    same = np.equal.outer(TARGETS.numpy(), TARGETS.numpy())
    terms = [max(0, d[s].max() - d[~s].min() + 0.05) for d, s in zip(distances, same, strict=True)]
    assert found == pytest.approx(np.mean(terms), rel=0.2)
    assert abs(found - exact) > 0.5 * exact  # hardly a digit is left


def test_both_are_chosen_by_name():
    cfg = tiny_config("MODEL.LOSSES.NAME", ("CrossEntropyLoss", "HalfPrecisionTripletLoss"))
    output = {"cls_outputs": torch.zeros(6, 4), "features": torch.rand(6, 8)}
    losses = EmbeddingLosses(cfg)("x", output, TARGETS)
    assert sorted(losses) == ["loss_x_cls", "loss_x_half_precision_triplet"]
