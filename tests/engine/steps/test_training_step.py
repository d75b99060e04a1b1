"""The step against fast-reid's own, against one large batch, and in every number format."""

import functools

import pytest
import torch
from fastreid.engine.train_loop import SimpleTrainer
from fastreid.modeling.meta_arch import build_model
from fastreid.solver import build_optimizer
from fastreid.utils.events import EventStorage
from mdpr.engine.steps.build import build_step
from mdpr.engine.steps.ema import AveragedWeights
from mdpr.engine.steps.mixed_precision import Precision
from mdpr.errors import NonFiniteError
from support.configs import tiny_config
from support.toys import batch, differing, run, state, step_of, toy
from torch import nn

FLOAT16, BFLOAT16 = Precision(torch.float16), Precision(torch.bfloat16)


@pytest.fixture(autouse=True)
def storage():
    with EventStorage() as storage:
        yield storage


def images(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 256, (count, 3, 64, 32), generator=generator).float()
    return {"images": pixels, "targets": torch.arange(count) % 4}


@pytest.mark.parametrize("optimizer", ["Adam", "SGD"])
def test_plain_step_is_fastreids_to_the_bit(optimizer):
    batches = [batch(seed) for seed in range(3)]
    cfg = tiny_config("SOLVER.OPT", optimizer, "SOLVER.BASE_LR", 0.1)
    theirs, ours = toy(), toy()
    trainer = SimpleTrainer(theirs, batches, *build_optimizer(cfg, theirs))
    trainer.iter = 0
    for _ in batches:
        trainer.run_step()
    run(step_of(ours, batches, build_optimizer(cfg, ours)[0]), len(batches))
    assert differing(state(ours), state(theirs)) == []


def frozen_norms(cfg):
    """MDPR in float64, whose norms use their running statistics."""
    torch.manual_seed(0)
    model = build_model(cfg).double().train()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()
    return model


def test_accumulated_steps_are_those_of_the_large_batch():
    """All of MDPR's losses but the triplet loss, which looks for its triplets within a batch."""
    cfg = tiny_config(
        *("MODEL.LOSSES.NAME", ("CrossEntropyLoss",), "SOLVER.OPT", "SGD"),
        *("SOLVER.CLIP_GRADIENTS.ENABLED", True, "SOLVER.CLIP_GRADIENTS.CLIP_VALUE", 0.5),
    )
    whole = images(8)
    parts = [{key: value[i : i + 2] for key, value in whole.items()} for i in range(0, 8, 2)]
    results = []
    for batches in ([whole], parts):
        model = frozen_norms(cfg)
        before = state(model)
        optimizer, _ = build_optimizer(cfg, model)
        model.train = lambda mode=True: None  # the step would thaw the norms
        step = step_of(model, batches, optimizer, accumulate=len(batches))
        run(step, 1)
        after = state(model)
        moves = {name: (after[name] - before[name]).double() for name in before}
        results.append((moves, step.scalars.read()))
    (large, large_scalars), (small, small_scalars) = results
    for name, move in large.items():
        torch.testing.assert_close(small[name], move, rtol=1e-6, atol=1e-12, msg=name)
    assert any(move.abs().max() > 0 for move in large.values())
    for name, value in large_scalars.items():
        assert small_scalars[name] == pytest.approx(value, rel=1e-5), name


def test_logged_losses_are_means_over_batches_and_steps():
    batches = [batch(seed) for seed in range(4)]
    model = toy()
    with EventStorage():
        expected = [{k: v.item() for k, v in model(data).items()} for data in batches]
    step = step_of(model, batches, torch.optim.SGD(model.parameters(), lr=0.0), accumulate=2)
    run(step, 2)
    means = step.scalars.peek()
    assert means == step.scalars.read()
    for name in ("loss_a", "loss_b"):
        assert means[name] == pytest.approx(sum(terms[name] for terms in expected) / 4)
    assert means["total_loss"] == pytest.approx(means["loss_a"] + means["loss_b"])
    assert 0 < means["cls_accuracy"] < 1
    assert step.scalars.read() == {}


def test_gradient_norm_is_the_length_of_all_gradients():
    model = toy()
    step = step_of(model, [batch(0)])
    run(step, 1)
    parts = [p.grad.flatten() for p in model.parameters()]
    assert step.scalars.read()["gradient_norm"] == pytest.approx(torch.cat(parts).norm().item())


@pytest.mark.parametrize("precision", [BFLOAT16, FLOAT16], ids=["bf16", "fp16"])
def test_mixed_precision_moves_float32_weights(precision):
    cfg = tiny_config()
    model = build_model(cfg)
    before = state(model)
    step = step_of(model, [images(4)] * 20, build_optimizer(cfg, model)[0], precision=precision)
    if step.grad_scaler is not None:
        step.grad_scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    run(step, 1)
    assert step.scalars.read()["total_loss"] > 0
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert set(differing(state(model), before)) >= trained
    assert {p.dtype for p in model.parameters()} == {torch.float32}


def test_clipping_sees_gradients_without_the_scalers_factor():
    model = toy()
    cfg = tiny_config(
        *("SOLVER.OPT", "SGD", "SOLVER.BASE_LR", 1.0, "SOLVER.MOMENTUM", 0.0),
        *("SOLVER.WEIGHT_DECAY", 0.0, "SOLVER.WEIGHT_DECAY_NORM", 0.0),
        *("SOLVER.WEIGHT_DECAY_BIAS", 0.0, "SOLVER.CLIP_GRADIENTS.ENABLED", True),
        *("SOLVER.CLIP_GRADIENTS.CLIP_VALUE", 0.05),
    )
    before = state(model)
    step = step_of(model, [batch(0)], build_optimizer(cfg, model)[0], precision=FLOAT16)
    step.grad_scaler = torch.amp.GradScaler("cpu", init_scale=256.0)
    run(step, 1)
    moves = [(p - before[name]).norm().item() for name, p in model.named_parameters()]
    assert max(moves) == pytest.approx(0.05, rel=1e-3)
    # Those that are shorter keep their length: clipping at a scaled size would have cut them all.
    assert min(moves) < 0.049


class Steep(nn.Module):
    """A gradient that float16 cannot hold once it is scaled: factor * 1000."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, data):
        return {"loss": (self.weight.half() * 1000).float().sum() * data["slope"]}


def test_overflow_is_left_to_the_gradient_scaler():
    model = Steep()
    step = step_of(model, [{"slope": 1.0}] * 2, precision=FLOAT16)
    step.grad_scaler = torch.amp.GradScaler("cpu", init_scale=128.0)
    run(step, 1)
    assert model.weight.item() == 1  # 128 * 1000 is beyond float16
    assert step.grad_scaler.get_scale() == 64
    assert step.guard.skipped == 0
    run(step, 1)
    assert model.weight.item() == -99


def test_gradients_that_no_factor_makes_finite_are_an_error():
    model = Steep()
    step = step_of(model, [{"slope": 1e3}] * 9, precision=FLOAT16)
    step.grad_scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    run(step, 3)
    assert step.grad_scaler.get_scale() == 1
    with pytest.raises(NonFiniteError, match="the gradients are not finite at iteration 3"):
        run(step, 1)


HARD_BRANCH_ALONE = [
    part for name in ("SOFT_BRANCH", "FUSION", "DISTILLATION") for part in (f"MODEL.MDPR.{name}", False)
]


def test_a_compiled_step_has_the_same_numbers(monkeypatch):
    """By a backend that needs no compiler; what is compiled is the trainer's own step."""
    backend = functools.partial(torch.compile, backend="aot_eager")
    monkeypatch.setattr(torch, "compile", backend)
    cfg = tiny_config("SOLVER.OPT", "SGD", *HARD_BRANCH_ALONE)
    results = []
    for compiled in (False, True):
        torch.manual_seed(0)
        model = build_model(cfg)
        step = step_of(model, [images(4)] * 2, build_optimizer(cfg, model)[0], compiled=compiled)
        run(step, 2)
        results.append((step.scalars.read(), state(model)))
    (plain_scalars, plain), (compiled_scalars, compiled) = results
    assert compiled_scalars == pytest.approx(plain_scalars, rel=1e-4)
    for name, value in plain.items():
        torch.testing.assert_close(compiled[name], value, rtol=1e-4, atol=1e-5, msg=name)


def test_step_of_the_default_config():
    model = toy()
    step = build_step(tiny_config(), model, [], torch.optim.SGD(model.parameters(), lr=0.1), None)
    assert step.accumulate == 1
    assert step.averaged is None
    assert step.guard._max_skipped == 0


def test_step_of_a_config():
    cfg = tiny_config(
        *("SOLVER.COMPILE", True),
        *("SOLVER.AMP.DTYPE", "bf16", "SOLVER.ACCUMULATE", 3, "SOLVER.SKIP_NONFINITE", 5),
        *("SOLVER.EMA.ENABLED", True, "SOLVER.EMA.DECAY", 0.5),
    )
    model = toy()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    step = build_step(cfg, model, [], optimizer, None)
    assert (step.precision, step.accumulate) == (BFLOAT16, 3)
    assert isinstance(step.averaged, AveragedWeights)
    assert step.grad_scaler is None
    assert step._losses_of is not model
