import pytest
import torch
from fastreid.modeling.meta_arch import build_model
from fastreid.utils.events import EventStorage
from mdpr.engine.steps.mixed_precision import Precision
from mdpr.modeling.attention import BilinearAttentionPooling
from mdpr.modeling.losses import (
    LOSS_REGISTRY,
    attention_area_loss,
    diversity_loss,
    mutual_distillation_loss,
)
from mdpr.modeling.structures import Attention
from support.configs import tiny_config

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("enabled", "name", "dtype"),
    [
        (False, "fp16", torch.float32),
        (True, "fp16", torch.float16),
        (True, "bf16", torch.bfloat16),
    ],
)
def test_precision_of_a_config(enabled, name, dtype):
    precision = Precision.from_config(tiny_config("SOLVER.AMP.ENABLED", enabled, "SOLVER.AMP.DTYPE", name))
    with precision.autocast(CPU):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype
    assert (precision.gradient_scaler(CPU) is not None) == (dtype == torch.float16)


def test_bfloat16_losses_are_float32_and_close():
    images = torch.randint(0, 256, (4, 3, 64, 32)).float()
    data = {"images": images, "targets": torch.tensor([0, 0, 1, 1])}
    model = build_model(tiny_config()).train()
    with EventStorage():
        exact = model(data)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = model(data)
    assert {loss.dtype for loss in rounded.values()} == {torch.float32}
    for name, loss in exact.items():
        # Norms over four images of 4 x 2 features magnify rounding; the scale is what is checked.
        assert rounded[name].item() == pytest.approx(loss.item(), rel=0.2, abs=0.2), name


@pytest.mark.parametrize("name", LOSS_REGISTRY.names("embedding"))
def test_losses_of_a_head_are_the_same_under_autocast(name):
    _, loss = LOSS_REGISTRY.get(name, "embedding")(tiny_config())
    output = {"cls_outputs": 10 * torch.randn(6, 5), "features": 10 + torch.randn(6, 512)}
    targets = torch.tensor([0, 0, 1, 1, 2, 2])
    expected = loss(output, targets)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(loss(output, targets), expected)


def test_auxiliary_losses_are_the_same_under_autocast():
    attention = Attention(maps=torch.rand(6, 2, 8, 4), pooled=torch.randn(6, 3, 512))
    vectors = torch.randn(4, 6, 512).unbind()

    def losses():
        return (
            diversity_loss(attention),
            attention_area_loss(attention),
            mutual_distillation_loss(*vectors),
        )

    expected = losses()
    with torch.autocast("cpu", torch.bfloat16):
        assert all(map(torch.equal, losses(), expected))


def test_powers_of_attention_pooling_are_float32():
    """Of one map that the convolution passes on as it is: large values, whose cubes differ."""
    pooling = BilinearAttentionPooling(4, 4, 1, "BN").eval()
    with torch.no_grad():
        pooling.embeddings[0].projection.weight.copy_(torch.eye(4)[..., None, None])
        x = (100 * torch.rand(2, 4, 6, 3)).bfloat16().float()
        attention = torch.ones(2, 1, 6, 3)
        norm = pooling.embeddings[0].norm
        norm.running_var.fill_(1 - norm.eps)
        expected = x.double().pow(3).mean(dim=(2, 3)).pow(1 / 3)
        with torch.autocast("cpu", torch.bfloat16):
            pooled = pooling(x, attention)
    assert pooled.dtype == torch.float32
    torch.testing.assert_close(pooled[:, 0].double(), expected, rtol=1e-5, atol=0)
