"""A step waits for the GPU once, shown without one: fake tensors have no value that could be read."""

import pytest
import torch
from fastreid.engine.train_loop import SimpleTrainer
from fastreid.solver import build_optimizer
from fastreid.utils.events import EventStorage
from mdpr.engine.network import build_network
from mdpr.engine.steps import training_step
from mdpr.engine.steps.nonfinite import Finiteness, NonFiniteGuard
from support.configs import tiny_config
from support.fake_gpu import CountReadings, on_fake_gpu
from support.toys import step_of


def batches():
    images = torch.randint(0, 256, (4, 3, 64, 32)).float()
    return [{"images": images, "targets": torch.tensor([0, 0, 1, 1])}] * 2


def readings_of(trainer):
    with EventStorage(), CountReadings() as counter:
        trainer.run_step()
    return len(counter.readings)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_one_verdict_is_all_that_is_read(accumulate):
    """On the CPU, which runs the same operations: two flags in one transfer, and not one loss."""
    step = step_of(build_network(tiny_config()), batches(), accumulate=accumulate)
    assert readings_of(step) <= 2


def test_fastreid_reads_every_loss():
    """If this fails, what is counted above is nothing."""
    cfg = tiny_config()
    model = build_network(cfg)
    trainer = SimpleTrainer(model, batches(), *build_optimizer(cfg, model))
    trainer.iter = 0
    assert readings_of(trainer) >= 15


class Optimist(NonFiniteGuard):
    """Computes what the judge would read, and reads nothing."""

    def judge(self, attempt, signal=0):
        flags = torch.stack([attempt.finite_losses().all(), attempt.gradient_norm.isfinite()])
        self.device = flags.device
        return Finiteness(losses_finite=True, gradients_finite=True)


def test_nothing_is_read_and_nothing_mixes_devices_on_a_gpu(monkeypatch):
    model = build_network(tiny_config())
    mode = on_fake_gpu(model)

    def backward(loss):  # autograd itself wants a real GPU
        assert loss.device.type == "cuda"
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter)

    monkeypatch.setattr(torch.Tensor, "backward", backward)
    monkeypatch.setattr(training_step, "random_state", lambda device: {})
    optimizer = torch.optim.Adam(model.parameters(), foreach=True)
    with mode, EventStorage():
        data = [{key: value.cuda() for key, value in part.items()} for part in batches()]
        step = step_of(model, data, optimizer, accumulate=2, guard=Optimist())
        step.run_step()
    assert step.device.type == step.guard.device.type == "cuda"
