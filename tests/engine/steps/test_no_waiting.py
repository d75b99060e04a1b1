"""A step waits for no GPU, shown without one: fake tensors have no value that could be read."""

import pytest
import torch
from fastreid.engine.train_loop import SimpleTrainer
from fastreid.solver import build_optimizer
from fastreid.utils.events import EventStorage
from mdpr.engine.network import build_network
from mdpr.engine.steps import training_step
from mdpr.engine.steps.verdict import Finiteness, Verdict
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


class Events:
    """CUDA's, which note in what order a step asks for them."""

    def __init__(self, calls):
        self.calls = calls

    def __call__(self):
        return self

    def record(self):
        self.calls.append("recorded")

    def synchronize(self):
        self.calls.append("waited")


def test_nothing_is_read_and_nothing_mixes_devices_on_a_gpu(monkeypatch):
    model = build_network(tiny_config())
    mode = on_fake_gpu(model)

    def backward(loss):  # autograd itself wants a real GPU
        assert loss.device.type == "cuda"
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter)

    calls = []

    def read(verdict):  # a fake tensor has nothing to read
        verdict._arrived.synchronize()
        return Finiteness(losses_finite=True, gradients_finite=True)

    monkeypatch.setattr(torch.Tensor, "backward", backward)
    monkeypatch.setattr(torch.cuda, "Event", Events(calls))
    monkeypatch.setattr(Verdict, "read", read)
    monkeypatch.setattr(training_step, "random_state", lambda device: {})
    with mode, EventStorage():
        data = [{key: value.cuda() for key, value in part.items()} for part in batches()]
        optimizer = torch.optim.Adam(model.parameters(), fused=True)
        taken = optimizer.step
        optimizer.step = lambda: calls.append(optimizer.found_inf.device.type) or taken()
        step = step_of(model, data * 2, optimizer, accumulate=2)
        step.run_step()
        step.run_step()
        step.settle()
    assert step.device.type == "cuda"
    # The second step's passes are on their way before the first one's verdict is waited for.
    assert calls == ["recorded", "cuda", "recorded", "waited", "cuda", "waited"]
