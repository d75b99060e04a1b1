import copy

import fastreid.engine.defaults
import fastreid.solver
import pytest
import torch
from fastreid.engine.train_loop import SimpleTrainer
from fastreid.solver.build import get_default_optimizer_params
from fastreid.utils.events import EventStorage
from fastreid.utils.params import ContiguousParams
from mdpr.compat.optimizer import build_optimizer, parameter_groups
from mdpr.errors import ConfigError
from support.configs import tiny_config
from torch import nn


class TwoLayers(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
        self.heads = nn.Linear(4, 2)

    def forward(self, x):
        return {"loss": self.heads(self.backbone(x)).square().mean()}


def step_of(model, optimizer, parameters):
    trainer = SimpleTrainer(model, [torch.randn(8, 3)], optimizer, parameters)
    trainer.iter = 0
    with EventStorage():
        trainer.run_step()


def moved(before, model):
    return [n for n, p in model.named_parameters() if not torch.equal(p, before[n])]


def test_fastreids_own_optimizer_never_trains():
    """If this fails, fast-reid has mended itself and the module under test can go."""
    model = TwoLayers()
    before = copy.deepcopy(dict(model.named_parameters()))
    groups = ContiguousParams(get_default_optimizer_params(model, 0.1, 0.0, 0.0))
    step_of(model, torch.optim.SGD(groups.contiguous(), lr=0.1), groups)
    assert moved(before, model) == []


@pytest.mark.parametrize("name", ["Adam", "AdamW", "SGD", "Adadelta"])
def test_every_parameter_moves_in_one_step_of_fastreids_trainer(name):
    model = TwoLayers()
    before = copy.deepcopy(dict(model.named_parameters()))
    cfg = tiny_config("SOLVER.OPT", name, "SOLVER.BASE_LR", 0.1)
    step_of(model, *fastreid.engine.defaults.build_optimizer(cfg, model))
    assert set(moved(before, model)) >= set(before) - {"backbone.0.bias"}  # a norm undoes this bias


def test_groups_keep_fastreids_rules_for_every_parameter():
    model = TwoLayers()
    model.backbone[0].weight.requires_grad_(False)
    cfg = tiny_config(
        *("SOLVER.WEIGHT_DECAY_NORM", 0.1, "SOLVER.WEIGHT_DECAY_BIAS", 0.2),
        *("SOLVER.BIAS_LR_FACTOR", 2.0, "SOLVER.HEADS_LR_FACTOR", 10.0),
        *("MODEL.FREEZE_LAYERS", ["heads"], "SOLVER.FREEZE_ITERS", 3),
    )
    rules = {
        group["params"][0]: {k: v for k, v in group.items() if k != "params"}
        for group in get_default_optimizer_params(
            model, cfg.SOLVER.BASE_LR, cfg.SOLVER.WEIGHT_DECAY, 0.1, 2.0, 10.0, 0.2, None, ["heads"]
        )
    }
    groups = parameter_groups(cfg, model)
    seen = {}
    for group in groups:
        for parameter in group["params"]:
            seen[parameter] = {k: v for k, v in group.items() if k != "params"}
    assert seen == rules
    assert len(groups) == len({tuple(sorted(rule.items())) for rule in rules.values()})


def test_clipping_limits_what_the_optimizer_sees():
    model = nn.Linear(2, 1)
    cfg = tiny_config(
        *("SOLVER.OPT", "SGD", "SOLVER.BASE_LR", 1.0, "SOLVER.MOMENTUM", 0.0),
        *("SOLVER.WEIGHT_DECAY", 0.0, "SOLVER.WEIGHT_DECAY_BIAS", 0.0),
        *("SOLVER.CLIP_GRADIENTS.ENABLED", True, "SOLVER.CLIP_GRADIENTS.CLIP_VALUE", 0.5),
    )
    optimizer, _ = build_optimizer(cfg, model)
    before = model.weight.detach().clone()
    model.weight.grad, model.bias.grad = torch.full((1, 2), 100.0), torch.zeros(1)
    optimizer.step()
    assert (before - model.weight).norm().item() == pytest.approx(0.5, rel=1e-4)


def test_frozen_layers_stay_for_the_first_steps():
    model = TwoLayers()
    cfg = tiny_config("MODEL.FREEZE_LAYERS", ["backbone"], "SOLVER.FREEZE_ITERS", 1)
    optimizer, parameters = build_optimizer(cfg, model)
    before = copy.deepcopy(dict(model.named_parameters()))
    step_of(model, optimizer, parameters)
    assert all(name.startswith("heads") for name in moved(before, model))
    step_of(model, optimizer, parameters)
    assert any(name.startswith("backbone") for name in moved(before, model))


def test_a_resumed_run_does_not_freeze_its_layers_again():
    cfg = tiny_config("MODEL.FREEZE_LAYERS", ["backbone"], "SOLVER.FREEZE_ITERS", 2)
    first, second = TwoLayers(), TwoLayers()
    optimizer, parameters = build_optimizer(cfg, first)
    step_of(first, optimizer, parameters)
    resumed, parameters = build_optimizer(cfg, second)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for frozen in (True, False):  # one frozen step is left
        before = copy.deepcopy(dict(second.named_parameters()))
        step_of(second, resumed, parameters)
        still = all(name.startswith("heads") for name in moved(before, second))
        assert still == frozen


def test_unknown_optimizer_is_named():
    with pytest.raises(ConfigError, match=r"SOLVER.OPT is 'Adamm'.*torch.optim"):
        build_optimizer(tiny_config("SOLVER.OPT", "Adamm"), TwoLayers())


LAYOUTS = [torch.contiguous_format, torch.channels_last]


@pytest.mark.parametrize("of_moments", LAYOUTS, ids=str)
@pytest.mark.parametrize("of_gradient", LAYOUTS, ids=str)
@pytest.mark.parametrize("of_weight", LAYOUTS, ids=str)
@pytest.mark.parametrize("name", ["Adam", "AdamW"])
def test_memory_layouts_change_nothing(name, of_weight, of_gradient, of_moments):
    start, gradient = torch.randn(4, 3, 5, 2), torch.randn(4, 3, 5, 2)

    def trained(build, layouts):
        model = nn.Conv2d(3, 4, (5, 2), bias=False)
        model.weight.data = start.clone(memory_format=layouts[0])
        optimizer = build(model)
        for step in range(3):
            model.weight.grad = (gradient * (step + 1)).contiguous(memory_format=layouts[1])
            optimizer.step()
            state = optimizer.state[model.weight]
            for key in ("exp_avg", "exp_avg_sq"):
                assert state[key].shape == model.weight.shape
                state[key] = state[key].contiguous(memory_format=layouts[2])
        return model.weight.detach()

    cfg = tiny_config("SOLVER.OPT", name, "SOLVER.BASE_LR", 0.1)
    layouts = (of_weight, of_gradient, of_moments)
    result = trained(lambda model: build_optimizer(cfg, model)[0], layouts)

    def plain(model):
        return getattr(torch.optim, name)(
            model.parameters(), lr=0.1, weight_decay=cfg.SOLVER.WEIGHT_DECAY, foreach=False
        )

    expected = trained(plain, [torch.contiguous_format] * 3)
    torch.testing.assert_close(result, expected)


@pytest.mark.parametrize("of_moments", LAYOUTS, ids=str)
@pytest.mark.parametrize("of_weight", LAYOUTS, ids=str)
def test_moments_of_a_resumed_run_lie_as_the_weights_do(of_weight, of_moments):
    cfg = tiny_config("SOLVER.OPT", "Adam")
    optimizers = []
    for layout in (of_moments, of_weight):
        model = nn.Conv2d(3, 4, (5, 2), bias=False).to(memory_format=layout)
        optimizers.append(build_optimizer(cfg, model)[0])
    first, resumed = optimizers
    (weight,) = first.param_groups[0]["params"]
    weight.grad = torch.randn_like(weight)
    first.step()
    resumed.load_state_dict(first.state_dict())
    (weight,) = resumed.param_groups[0]["params"]
    for key in ("exp_avg", "exp_avg_sq"):
        before, after = first.state[first.param_groups[0]["params"][0]][key], resumed.state[weight][key]
        assert after.stride() == weight.stride()
        assert torch.equal(before, after)


def test_only_cpus_look_at_memory_layouts(monkeypatch):
    cfg = tiny_config("SOLVER.OPT", "Adam")
    built, _ = build_optimizer(cfg, nn.Linear(2, 2))
    assert hasattr(type(built), "_init_group")
    assert type(built).__mro__[1] is torch.optim.Adam
    built, _ = build_optimizer(cfg, nn.Linear(2, 2, device="meta"))
    assert type(built) is torch.optim.Adam
