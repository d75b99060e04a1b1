import copy

import pytest
import torch
from fastreid.utils.events import EventStorage
from mdpr.checkpoint.checkpointer import SafeCheckpointer
from mdpr.engine.steps.ema import AveragedWeights
from support.toys import batch, differing, run, state, step_of, toy


def train(model, averaged, numbers):
    """The model's state after each step."""
    step = step_of(model, [batch(number) for number in numbers], averaged=averaged)
    states = []
    with EventStorage():
        for _ in numbers:
            run(step, 1)
            states.append(state(model))
    return states


@pytest.mark.parametrize("decay", [0.0, 0.15, 0.999])
def test_average_is_that_of_a_plain_loop(decay):
    model = toy()
    averaged = AveragedWeights(model, decay)
    states = train(model, averaged, range(6))
    expected = {name: value.double() for name, value in states[0].items()}
    for n, current in enumerate(states[1:], start=1):
        kept = min(decay, (1 + n) / (10 + n))
        for name, value in current.items():
            is_float = value.is_floating_point()
            mixed = kept * expected[name] + (1 - kept) * value.double()
            expected[name] = mixed if is_float else value.double()
    for name, value in averaged.model.state_dict().items():
        torch.testing.assert_close(value.double(), expected[name], rtol=1e-5, atol=1e-6, msg=name)
    assert averaged.model.backbone[1].num_batches_tracked == 6
    assert averaged.steps == 6
    assert not any(p.requires_grad for p in averaged.model.parameters())


def test_average_goes_on_to_the_bit_after_a_restart():
    model = toy()
    averaged = AveragedWeights(model, 0.9)
    train(model, averaged, range(3))
    kept, saved = copy.deepcopy(averaged.state_dict()), copy.deepcopy(model)
    train(model, averaged, range(3, 6))

    resumed = AveragedWeights(toy(seed=1), 0.9)
    resumed.load_state_dict(kept)
    train(saved, resumed, range(3, 6))
    assert differing(state(resumed.model), state(averaged.model)) == []


@pytest.fixture
def checkpoint(tmp_path):
    """A file with both, which differ."""
    model = toy()
    averaged = AveragedWeights(model, 0.9)
    train(model, averaged, range(4))
    SafeCheckpointer(model, str(tmp_path), ema=averaged).save("model_0003")
    assert differing(state(model), state(averaged.model))
    return tmp_path, state(model), state(averaged.model)


def test_weights_of_a_file_are_the_averaged_ones(checkpoint, caplog):
    folder, plain, averages = checkpoint
    model = toy(seed=1)
    caplog.set_level("INFO")
    SafeCheckpointer(model).load(str(folder / "model_0003.pth"))
    assert differing(state(model), averages) == []
    assert "taking the averaged weights, of 4 steps" in caplog.text
    SafeCheckpointer(model, prefer_averaged=False).load(str(folder / "model_0003.pth"))
    assert differing(state(model), plain) == []


def test_fine_tuning_starts_from_the_average_and_resuming_from_both(checkpoint):
    folder, plain, averages = checkpoint
    model = toy(seed=1)
    averaged = AveragedWeights(model, 0.9)
    checkpointer = SafeCheckpointer(model, str(folder), ema=averaged)
    checkpointer.resume_or_load(str(folder / "model_0003.pth"), resume=False)
    assert differing(state(model), averages) == []
    assert averaged.steps == 0
    checkpointer.resume_or_load("", resume=True)
    assert differing(state(model), plain) == []
    assert differing(state(averaged.model), averages) == []
