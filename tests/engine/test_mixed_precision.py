import pytest
import torch
from fastreid.engine.train_loop import AMPTrainer, SimpleTrainer
from fastreid.modeling.losses import triplet_loss
from fastreid.modeling.meta_arch import build_model
from fastreid.solver import build_optimizer
from fastreid.utils.events import EventStorage
from mdpr.engine.mixed_precision import BFloat16Trainer, step_class
from mdpr.errors import ConfigError
from support.configs import tiny_config


def test_choice_of_step():
    assert step_class(False, "fp16") is SimpleTrainer
    assert step_class(True, "fp16") is AMPTrainer
    assert step_class(True, "bf16") is BFloat16Trainer
    with pytest.raises(ConfigError, match=r"SOLVER.AMP.DTYPE is 'fp8': expected one of fp16, bf16"):
        step_class(True, "fp8")


def batch():
    images = torch.randint(0, 256, (4, 3, 64, 32)).float()
    return {"images": images, "targets": torch.tensor([0, 0, 1, 1])}


def test_bfloat16_losses_are_float32_and_close():
    model, data = build_model(tiny_config()).train(), batch()
    with EventStorage():
        exact = model(data)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = model(data)
    assert {loss.dtype for loss in rounded.values()} == {torch.float32}
    for name, loss in exact.items():
        # Norms over four images of 4 x 2 features magnify rounding; the scale is what is checked.
        assert rounded[name].item() == pytest.approx(loss.item(), rel=0.2, abs=0.2), name


def test_bfloat16_step_moves_float32_weights():
    cfg = tiny_config()
    model = build_model(cfg)
    before = {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}
    trainer = BFloat16Trainer(model, [batch()], *build_optimizer(cfg, model))
    trainer.iter = 0
    with EventStorage() as storage:
        trainer.run_step()
        assert storage.latest()["total_loss"][0] > 0
    for name, p in model.named_parameters():
        if p.requires_grad:
            assert p.dtype == torch.float32
            assert not torch.equal(p, before[name]), name


@pytest.mark.parametrize("norm_feat", [False, True])
def test_triplet_distances_are_exact_under_autocast(norm_feat):
    """Long, close features: in half precision their distances would be noise."""
    features = 100 + torch.randn(6, 512)
    targets = torch.tensor([0, 0, 1, 1, 2, 2])
    exact = triplet_loss(features, targets, 0.05, norm_feat, True)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = triplet_loss(features, targets, 0.05, norm_feat, True)
    assert rounded.item() == pytest.approx(exact.item(), rel=1e-6)
