"""The warm-up, step by step."""

import copy
import math
from types import SimpleNamespace

import pytest
import torch
from fastreid.engine.hooks import LRScheduler
from fastreid.modeling.meta_arch import build_model
from fastreid.solver.lr_scheduler import WarmupLR
from fastreid.utils.events import EventStorage
from mdpr.compat.optimizer import build_optimizer
from mdpr.engine.hooks.schedule import StepSchedule, build_schedulers
from support.configs import tiny_config


@pytest.mark.filterwarnings("error")
def test_warm_up_ends_at_the_base_rate_whatever_the_scaler_leaves_out():
    parameter = torch.nn.Parameter(torch.zeros(1))

    def rates(hook_class, scaler):
        optimizer = torch.optim.SGD([parameter], lr=1.0)
        scheduler = WarmupLR(optimizer, 0.1, 4, "linear")
        if hook_class is LRScheduler:
            optimizer.step()  # a scheduler that goes first warns; ours does not
        schedulers = {"warmup_sched": scheduler}
        if hook_class is StepSchedule:
            hook = StepSchedule(tiny_config(), optimizer, schedulers)
        else:
            hook = hook_class(optimizer, schedulers)
        found = []
        with EventStorage() as storage:
            hook.trainer = SimpleNamespace(grad_scaler=scaler, storage=storage, warmup_iters=4, iter=0)
            for hook.trainer.iter in range(6):
                hook.before_step()
                hook.after_step()
                found.append(optimizer.param_groups[0]["lr"])
        return found

    class Scaler:
        """Leaves out the first step: its factor changes between two readings."""

        factors = iter([2.0, 1.0] + [1.0] * 20)

        def get_scale(self):
            return next(self.factors)

    assert rates(StepSchedule, Scaler())[-1] == 1.0
    assert rates(StepSchedule, None) == rates(LRScheduler, None)
    assert rates(LRScheduler, Scaler())[-1] < 1.0  # what is mended


EPOCHS, STEPS_PER_EPOCH, WARMUP, FLOOR = 6, 5, 5, 1e-3


@pytest.fixture(scope="module")
def network():
    return build_model(tiny_config())


class TestNewLayers:
    """Groups of a network's own parameters, by the rules of training, over a whole schedule."""

    @staticmethod
    def run(network, *options, resume_at=None):
        """Learning rates by step, of the stem, stage 4, a head and a predictor; and what is logged."""
        cfg = tiny_config(
            *("SOLVER.OPT", "SGD", "SOLVER.BASE_LR", 1.0, "SOLVER.HEADS_LR_FACTOR", 2.0),
            *("SOLVER.MAX_EPOCH", EPOCHS, "SOLVER.ETA_MIN_LR", FLOOR, "SOLVER.WARMUP_ITERS", WARMUP),
            *options,
        )
        names = (
            *("backbone.conv1", "hard_branch.layer4.0.conv1"),
            *("heads.fusion", "distillation.predictor_hard.0"),
        )
        watched = [network.get_submodule(name).weight for name in names]

        def parts():
            optimizer, _ = build_optimizer(cfg, network)
            schedulers = build_schedulers(cfg, optimizer, STEPS_PER_EPOCH)
            return optimizer, schedulers

        def rate_of(weight):
            return next(g["lr"] for g in optimizer.param_groups if any(p is weight for p in g["params"]))

        optimizer, schedulers = parts()
        trainer = SimpleNamespace(warmup_iters=WARMUP, delay_epochs=0, iter=0, epoch=0)
        rates, logged = [], []
        with EventStorage() as trainer.storage:
            hook = StepSchedule(cfg, optimizer, schedulers)
            hook.trainer = trainer
            for trainer.epoch in range(EPOCHS):
                for _ in range(STEPS_PER_EPOCH):
                    if trainer.iter == resume_at:
                        states = copy.deepcopy([x.state_dict() for x in (optimizer, *schedulers.values())])
                        optimizer, schedulers = parts()
                        for part, state in zip((optimizer, *schedulers.values()), states, strict=True):
                            part.load_state_dict(state)
                        hook = StepSchedule(cfg, optimizer, schedulers)
                        hook.trainer = trainer
                    rates.append([rate_of(weight) for weight in watched])
                    optimizer.step()
                    hook.after_step()
                    logged.append(trainer.storage.latest()["lr"][0])
                    trainer.iter += 1
                hook.finish_epoch()
        return rates, logged

    def test_each_group_against_a_plain_loop(self, network):
        longer = 12
        rates, logged = self.run(network, "SOLVER.NEW_LAYERS_WARMUP_ITERS", longer)
        plain, _ = self.run(network)
        found = iter(rates)
        for epoch in range(EPOCHS):
            share = epoch / (EPOCHS - 1)  # the warm-up takes the first epoch, after which the cosine steps
            for step in range(epoch * STEPS_PER_EPOCH, (epoch + 1) * STEPS_PER_EPOCH):
                stem, stage4, head, predictor = next(found)

                def warm(steps, step=step):
                    return min(1.0, 0.1 + 0.9 * step / steps)

                def cosine(base, share=share):
                    return FLOOR + (base - FLOOR) * (1 + math.cos(math.pi * share)) / 2

                assert stem == stage4 == pytest.approx(cosine(1.0) * warm(WARMUP))
                assert predictor == pytest.approx(cosine(1.0) * warm(longer))
                assert head == pytest.approx(cosine(2.0) * warm(longer))
                assert logged[step] == stem
        # What is not new, and all that comes behind the longer warm-up, is as without it, to the bit.
        assert [r[:2] for r in rates] == [r[:2] for r in plain]
        assert rates[longer:] == plain[longer:]

    def test_resume_is_exact(self, network):
        options = ("SOLVER.NEW_LAYERS_WARMUP_ITERS", 12)
        whole = self.run(network, *options)
        for step in (3, 7, 10):
            assert self.run(network, *options, resume_at=step) == whole

    def test_off_makes_no_group_of_its_own(self, network):
        optimizer, _ = build_optimizer(tiny_config(), network)
        assert len(optimizer.param_groups) == 1
        assert "new_layers" not in optimizer.param_groups[0]

    def test_new_is_what_a_resnet_lacks(self, network):
        optimizer, _ = build_optimizer(tiny_config("SOLVER.NEW_LAYERS_WARMUP_ITERS", 3000), network)
        new = {id(p) for g in optimizer.param_groups if g["new_layers"] for p in g["params"]}
        old = [p for g in optimizer.param_groups if not g["new_layers"] for p in g["params"]]
        soft = network.soft_branch
        hard = network.hard_branch
        stages = [network.backbone, hard.layer3, hard.layer4, soft.layer3, soft.layer4]
        assert {id(p) for p in old} == {id(p) for part in stages for p in part.parameters()}
        assert len(new) + len(old) == sum(p.requires_grad for p in network.parameters())
