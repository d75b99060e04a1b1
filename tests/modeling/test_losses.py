"""Losses against plain loops, hand-made values and fast-reid's own."""

import math

import pytest
import torch
from fastreid.layers.any_softmax import CircleSoftmax
from fastreid.modeling.losses import cross_entropy_loss, triplet_loss
from mdpr.modeling.heads import OnDeviceCircleSoftmax
from mdpr.modeling.losses import (
    LOSS_REGISTRY,
    EmbeddingLosses,
    attention_area_loss,
    diversity_loss,
    mutual_distillation_loss,
    smoothed_cross_entropy,
)
from mdpr.modeling.structures import Attention
from support.configs import tiny_config


def pooling(pooled):
    """Attention of which diversity reads what each map pooled."""
    return Attention(maps=torch.empty(0), pooled=pooled)


def cosine(a, b):
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    return dot / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


@pytest.mark.parametrize("maps", [1, 2, 3, 5])
def test_diversity_is_the_sum_over_pairs_of_the_mean_over_images(maps):
    pooled = torch.rand(4, maps, 6)
    expected = 0.0
    for i in range(maps):
        for j in range(i + 1, maps):
            values = [cosine(image[i].tolist(), image[j].tolist()) for image in pooled]
            expected += sum(values) / len(values)
    assert diversity_loss(pooling(pooled)).item() == pytest.approx(expected, abs=1e-6)


def test_diversity_of_equal_and_of_orthogonal_maps():
    equal = torch.ones(2, 3, 4)
    assert diversity_loss(pooling(equal)).item() == pytest.approx(3.0)  # 3 pairs
    assert diversity_loss(pooling(torch.eye(4)[None])).item() == pytest.approx(0.0)


def test_diversity_of_a_map_that_pooled_nothing_is_finite():
    pooled = torch.zeros(2, 2, 4, requires_grad=True)
    loss = diversity_loss(pooling(pooled))
    loss.backward()
    assert loss.item() == 0
    assert torch.isfinite(pooled.grad).all()


def test_area_is_the_foreground_of_an_image():
    maps = torch.zeros(2, 2, 3, 3)
    maps[0, 0, 0, 0], maps[1, :, 1, 1] = 0.5, 0.25
    area = attention_area_loss(Attention(maps, pooled=torch.empty(0)))
    assert area.item() == pytest.approx((0.5 + 0.25 + 0.25) / 2)


def test_distillation_value():
    a, b, c, d = (torch.randn(5, 7) for _ in range(4))
    forward = sum(cosine(x, y) for x, y in zip(a.tolist(), b.tolist(), strict=True)) / 5
    backward = sum(cosine(x, y) for x, y in zip(c.tolist(), d.tolist(), strict=True)) / 5
    expected = -(forward + backward) / 2
    assert mutual_distillation_loss(a, b, c, d).item() == pytest.approx(expected, abs=1e-6)


def test_distillation_of_agreement_is_minus_one():
    feature = torch.randn(3, 4)
    assert mutual_distillation_loss(feature, 2 * feature, feature, feature).item() == pytest.approx(-1)


def test_distillation_stops_the_gradient_at_the_targets_only():
    predicted_hard, soft, predicted_soft, hard = (torch.randn(3, 4, requires_grad=True) for _ in range(4))
    mutual_distillation_loss(predicted_hard, soft, predicted_soft, hard).backward()
    assert soft.grad is None
    assert hard.grad is None
    assert predicted_hard.grad.abs().sum() > 0
    assert predicted_soft.grad.abs().sum() > 0


@pytest.mark.parametrize("epsilon", [0.0, 0.1, -1.0])
@pytest.mark.parametrize("classes", [2, 7])
def test_cross_entropy_is_fastreids(epsilon, classes):
    logits = 5 * torch.randn(6, classes)
    targets = torch.randint(0, classes, (6,))
    ours, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    loss, expected = (
        smoothed_cross_entropy(ours, targets, epsilon, 0.2),
        cross_entropy_loss(theirs, targets, epsilon, 0.2),
    )
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    loss.backward()
    expected.backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_cross_entropy_by_hand():
    logits = torch.log(torch.tensor([[0.7, 0.2, 0.1]]))
    loss = smoothed_cross_entropy(logits, torch.tensor([0]), 0.1, 0.2)
    expected = -(0.9 * math.log(0.7) + 0.05 * math.log(0.2) + 0.05 * math.log(0.1))
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_cross_entropy_leaves_out_images_without_loss():
    logits = torch.tensor([[1000.0, 0.0], [0.0, 0.0]])
    loss = smoothed_cross_entropy(logits, torch.tensor([0, 0]), 0.0, 0.2)
    assert loss.item() == pytest.approx(math.log(2))  # not halved by the image of loss 0


@pytest.mark.parametrize("targets", [[0, 1, 2, 2], [-1, 0, -1, 2]])
def test_circle_softmax_is_fastreids(targets):
    cosines, targets = 2 * torch.rand(4, 3) - 1, torch.tensor(targets)
    ours, theirs = cosines.clone().requires_grad_(), cosines.clone().requires_grad_()
    result = OnDeviceCircleSoftmax(3, 64, 0.35)(ours, targets)
    expected = CircleSoftmax(3, 64, 0.35)(theirs.clone(), targets)
    torch.testing.assert_close(result, expected)
    weights = torch.randn_like(result)
    (result * weights).sum().backward()
    (expected * weights).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)
    assert torch.equal(ours, cosines)  # not changed in place


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_losses_are_float32_or_better(dtype):
    logits, targets = torch.randn(4, 3).to(dtype), torch.tensor([0, 0, 1, 1])
    attention = Attention(torch.rand(4, 2, 3, 1).to(dtype), torch.rand(4, 2, 3).to(dtype))
    losses = [
        smoothed_cross_entropy(logits, targets, 0.1, 0.2),
        diversity_loss(attention),
        attention_area_loss(attention),
        mutual_distillation_loss(logits, logits, logits, logits),
    ]
    expected = torch.float64 if dtype == torch.float64 else torch.float32
    assert {loss.dtype for loss in losses} == {expected}


class TestEmbeddingLosses:
    def outputs(self):
        return {"cls_outputs": torch.randn(6, 4), "features": torch.randn(6, 5)}

    targets = torch.tensor([0, 0, 1, 1, 2, 2])

    def test_names_values_and_scales(self):
        cfg = tiny_config("MODEL.LOSSES.CE.SCALE", 0.5, "MODEL.LOSSES.TRI.SCALE", 2.0)
        output = self.outputs()
        losses = EmbeddingLosses(cfg)("x", output, self.targets)
        assert set(losses) == {"loss_x_cls", "loss_x_triplet"}
        cls = cross_entropy_loss(output["cls_outputs"], self.targets, 0.1)
        triplet = triplet_loss(output["features"], self.targets, 0.05, False, True)
        assert losses["loss_x_cls"].item() == pytest.approx(0.5 * cls.item(), rel=1e-5)
        assert losses["loss_x_triplet"].item() == pytest.approx(2 * triplet.item(), rel=1e-5)

    def test_a_head_has_its_own_weight(self):
        plain = EmbeddingLosses(tiny_config())
        weighted = EmbeddingLosses(tiny_config("MODEL.MDPR.LOSS_SCALES", ["x", 2.5, "y", 1]))
        output = self.outputs()
        for name, scale in (("x", 2.5), ("y", 1), ("z", 1)):
            expected = plain(name, output, self.targets)
            found = weighted(name, output, self.targets)
            assert found == {term: scale * loss for term, loss in expected.items()}

    def test_classification_only(self):
        losses = EmbeddingLosses(tiny_config())("x", self.outputs(), self.targets, True)
        assert set(losses) == {"loss_x_cls"}

    def test_every_registered_loss_is_a_finite_scalar(self):
        names = tuple(LOSS_REGISTRY.names("embedding"))
        losses = EmbeddingLosses(tiny_config("MODEL.LOSSES.NAME", names))("x", self.outputs(), self.targets)
        assert len(losses) == len(names)
        assert all(loss.dim() == 0 and torch.isfinite(loss) for loss in losses.values())
