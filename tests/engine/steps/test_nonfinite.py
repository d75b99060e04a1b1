"""Steps that are not finite: left out without a trace, counted, saved, and computed again."""

import math
import runpy

import pytest
import torch
from fastreid.solver import build_optimizer
from fastreid.utils.events import EventStorage
from mdpr.checkpoint.reading import read_checkpoint
from mdpr.engine.network import build_network
from mdpr.engine.steps import NonFiniteGuard
from mdpr.engine.steps.ema import AveragedWeights
from mdpr.engine.steps.mixed_precision import Precision
from mdpr.engine.steps.replay import SavedStep
from mdpr.errors import CheckpointError, NonFiniteError
from support.configs import ROOT, tiny_config
from support.toys import batch, differing, run, state, step_of, toy
from torch import nn


@pytest.fixture(autouse=True)
def storage():
    with EventStorage() as storage:
        yield storage


def test_bad_loss_stops_before_it_reaches_weights_or_statistics(tmp_path):
    model = toy()
    step = step_of(model, [batch(0), batch(1, bad=True)], guard=NonFiniteGuard(tmp_path, "A: 1\n"))
    run(step, 1)
    before = state(model)
    with pytest.raises(NonFiniteError) as error:
        run(step, 1)
    assert differing(state(model), before) == []
    message = str(error.value)
    for part in (
        "not finite at iteration 1",
        "loss_a  nan  <-",
        "loss_b  nan  <-",
        "1_0.jpg, 1_1.jpg",
    ):
        assert part in message
    assert f"replay_step.py {tmp_path / 'nonfinite.pth'}" in message
    content = read_checkpoint(tmp_path / "nonfinite.pth")
    assert differing(content["model"], before) == []
    assert content["config"] == "A: 1\n"
    assert content["iteration"] == 1
    assert content["batches"][0]["images"].isnan().sum() == 1
    assert [path.name for path in tmp_path.iterdir()] == ["nonfinite.pth"]


def plain_sgd(model):
    return torch.optim.SGD(model.parameters(), lr=0.1)


def fused_adam(model):
    """Leaves a bad step out by itself; the host learns of it a step later."""
    return torch.optim.Adam(model.parameters(), lr=0.1, fused=True)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("optimizer", [plain_sgd, fused_adam])
def test_skipped_batches_leave_no_trace_and_are_counted(optimizer, late, caplog):
    good = [batch(seed) for seed in range(3)]
    bad = batch(9, bad=True)
    clean, model = toy(), toy()
    averages = [AveragedWeights(part, 0.9) for part in (clean, model)]
    run(step_of(clean, good, optimizer(clean), averaged=averages[0]), 3)
    step = step_of(
        model,
        [good[0], bad, good[1], bad, good[2], bad],
        optimizer(model),
        averaged=averages[1],
        guard=NonFiniteGuard(max_skipped=2),
    )
    step.settles_late = late
    run(step, 5)
    assert differing(state(model), state(clean)) == []
    assert differing(state(averages[1].model), state(averages[0].model)) == []
    assert step.guard.skipped == 2
    assert "1 of up to 2 (SOLVER.SKIP_NONFINITE)" in caplog.text
    assert all(map(math.isfinite, step.scalars.read().values()))

    again = NonFiniteGuard(max_skipped=2)
    again.load_state_dict(step.guard.state_dict())
    step.guard = again
    with pytest.raises(NonFiniteError, match="2 steps were left out before"):
        run(step, 1)


@pytest.mark.parametrize("optimizer", [plain_sgd, fused_adam])
def test_what_is_saved_is_from_before_the_step(optimizer, tmp_path):
    """Although the next step's forward pass has moved the statistics by the time it is known."""
    model = toy()
    step = step_of(
        model,
        [batch(0), batch(1, bad=True), batch(2)],
        optimizer(model),
        guard=NonFiniteGuard(tmp_path, max_skipped=1),
    )
    step.settles_late = True
    run(step, 1)
    before = state(model)
    step.run_step()
    assert not (tmp_path / "nonfinite.pth").exists()
    step.iter += 1
    step.run_step()
    content = read_checkpoint(tmp_path / "nonfinite.pth")
    assert differing(content["model"], before) == []
    assert content["iteration"] == 1
    step.settle()
    assert model.backbone[1].num_batches_tracked == 2


def test_only_the_bad_batch_of_several_is_saved(tmp_path):
    batches = [batch(0), batch(1, bad=True), batch(2)]
    step = step_of(toy(), batches, accumulate=3, guard=NonFiniteGuard(tmp_path))
    with pytest.raises(NonFiniteError, match=r"1_0\.jpg") as error:
        run(step, 1)
    assert "0_0.jpg" not in str(error.value)
    assert [b["img_paths"][0] for b in read_checkpoint(tmp_path / "nonfinite.pth")["batches"]] == ["1_0.jpg"]


class Cliff(nn.Module):
    """A loss of 0 whose gradient is not a number."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))

    def forward(self, data):
        return {"loss": (self.weight * 0).sum().sqrt()}


def test_bad_gradients_of_a_finite_loss_stop_too(tmp_path):
    model = Cliff()
    step = step_of(model, [batch(0)], guard=NonFiniteGuard(tmp_path))
    with pytest.raises(NonFiniteError, match=r"gradients are not finite at iteration 0.*nan"):
        run(step, 1)
    assert model.weight.tolist() == [1, 1]
    assert read_checkpoint(tmp_path / "nonfinite.pth")["reason"] == "gradients"


def test_full_disk_does_not_hide_the_loss(tmp_path):
    target = tmp_path / "file"
    target.write_text("")  # a file where the folder should be
    step = step_of(toy(), [batch(0, bad=True)], guard=NonFiniteGuard(target))
    with pytest.raises(NonFiniteError, match=r"loss_a(?s:.*)could not be saved"):
        run(step, 1)


def mdpr_batch():
    images = torch.randint(0, 256, (4, 3, 64, 32)).float()
    return {"images": images, "targets": torch.tensor([0, 0, 1, 1]), "img_paths": list("abcd")}


def break_step(tmp_path, spoil, data):
    """A step of MDPR in bfloat16 that stops, and what the run knew of it."""
    cfg = tiny_config("SOLVER.AMP.DTYPE", "bf16")
    model = build_network(cfg)
    spoil(model)
    optimizer, _ = build_optimizer(cfg, model)
    guard, precision = NonFiniteGuard(tmp_path, cfg.dump()), Precision.from_config(cfg)
    step = step_of(model, [data], optimizer, guard=guard, precision=precision)
    with pytest.raises(NonFiniteError):
        run(step, 1)
    return tmp_path / "nonfinite.pth"


replay_step = runpy.run_path(str(ROOT / "scripts/replay_step.py"))["main"]


def test_replay_finds_the_module_that_breaks(tmp_path, capsys):
    def spoil(model):
        with torch.no_grad():
            model.soft_branch.embedding4.projection.weight[3, 5] = torch.inf

    path = break_step(tmp_path, spoil, mdpr_batch())
    saved = SavedStep(path)
    replay = saved.replay()
    # The same numbers to the bit, NaN where there was NaN.
    assert {k: repr(v) for k, v in replay.losses.items()} == {
        k: repr(v) for k, v in saved.content["losses"][0].items()
    }
    assert any(map(math.isfinite, replay.losses.values()))
    assert not replay.is_finite
    assert replay.bad_weights == ["soft_branch.embedding4.projection.weight"]
    assert replay.images_finite
    assert replay.first_output.startswith("soft_branch.embedding4.projection (Convolution): ")
    assert "its input is finite (" in replay.first_output

    with pytest.warns(UserWarning, match="Error detected in"):  # the call that autograd blames
        assert replay_step([str(path), "--anomaly"]) == 0
    output = capsys.readouterr().out
    assert "soft_branch.embedding4.projection (Convolution)" in output
    assert "loss_attn_feature4_cls" in output
    assert "autograd: Function" in output


def test_replay_of_bad_images_and_of_nothing(tmp_path):
    data = mdpr_batch()
    data["images"][2, 1, 5, 5] = torch.nan
    saved = SavedStep(break_step(tmp_path, lambda model: None, data))
    replay = saved.replay()
    assert not replay.images_finite
    assert replay.first_output.startswith("backbone.")
    assert "its input is not finite either (" in replay.first_output

    saved.batches[0]["images"].nan_to_num_(0)
    healthy = saved.replay(float32=True)
    assert healthy.is_finite
    assert healthy.first_output is None


def test_replay_draws_the_same_random_numbers(tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    step = step_of(toy(), [batch(0, bad=True)], guard=NonFiniteGuard(tmp_path, "A: 1\n"))
    torch.manual_seed(5)
    with pytest.raises(NonFiniteError):
        run(step, 1)
    state_before = read_checkpoint(tmp_path / "nonfinite.pth")["random_states"][0]["cpu"]
    torch.set_rng_state(state_before)
    assert torch.equal(torch.rand(3), expected)


def test_other_files_are_refused(tmp_path, capsys):
    torch.save({"model": {}}, tmp_path / "model.pth")
    with pytest.raises(CheckpointError, match="is no saved step"):
        SavedStep(tmp_path / "model.pth")
    assert replay_step([str(tmp_path / "none.pth")]) == 1
    assert capsys.readouterr().err.startswith("error: no weight file at")
