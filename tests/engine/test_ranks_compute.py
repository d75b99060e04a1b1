"""Two processes on CPUs compute what one process computes on the whole batch."""

import os

import pytest
import torch
from fastreid.layers import get_norm
from fastreid.modeling.meta_arch import build_model
from fastreid.utils.events import EventStorage
from mdpr.launch.command import run_world
from mdpr.launch.world import ParentWorld
from support import ranks
from support.configs import tiny_config
from torch import nn

RANKS = 2
# Name: shape of the batch, images of each process, number type.
NORMS = {
    "maps": ((6, 4, 5, 3), (3, 3), torch.float32),
    "vectors": ((6, 4), (3, 3), torch.float64),
    "uneven": ((7, 4, 2, 2), (6, 1), torch.float64),
    "pooled": ((2, 4, 1, 1), (1, 1), torch.float64),
    "half precision": ((6, 4, 5, 3), (2, 4), torch.bfloat16),
}


def norm_case(shape, sizes, dtype):
    channels = shape[1]
    norm = get_norm("syncBN", channels)
    # Far from what they start as, and a mean that would drown the variance in sums of squares.
    for values in (norm.weight.data, norm.bias.data, norm.running_mean, norm.running_var):
        values.copy_(torch.rand(channels) + 0.5)
    batch = (100 + torch.randn(shape)).to(dtype)
    return {
        "channels": channels,
        "norm": norm.state_dict(),
        "pieces": [piece.clone() for piece in batch.split(sizes)],
        "gradients": [piece.clone() for piece in torch.randn(shape).to(dtype).split(sizes)],
    }


@pytest.fixture(scope="module")
def folder(make_folder):
    """What two processes found, and what they were given."""
    folder = make_folder("ranks")
    torch.manual_seed(0)
    for name, case in NORMS.items():
        torch.save(norm_case(*case), folder / f"norm_{name}.pt")
    torch.save(build_model(tiny_config()).state_dict(), folder / "model.pt")
    images = torch.randint(0, 256, (8, 3, 64, 32)).float()
    targets = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])
    torch.save({"images": images, "targets": targets}, folder / "batch.pt")
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("OMP_NUM_THREADS", raising=False)
        run_world(ParentWorld("cpu", RANKS), ranks.compute, (folder,))
    return folder


def found(folder, name):
    return [torch.load(folder / f"{name}_by_{rank}.out") for rank in range(RANKS)]


@pytest.mark.parametrize("name", NORMS)
def test_synchronised_norm_is_that_of_the_joint_batch(name, folder):
    case = torch.load(folder / f"norm_{name}.pt")
    batch = torch.cat(case["pieces"]).requires_grad_()
    kind = nn.BatchNorm1d if batch.dim() == 2 else nn.BatchNorm2d
    norm = kind(case["channels"]).train()
    norm.load_state_dict(case["norm"])
    exact = batch.float() if batch.dtype == torch.bfloat16 else batch
    output = norm.to(exact.dtype)(exact)
    output.backward(torch.cat(case["gradients"]).to(exact.dtype))

    results = found(folder, f"norm_{name}")
    tolerance = 1e-2 if batch.dtype == torch.bfloat16 else 1e-4
    close = {"rtol": tolerance, "atol": tolerance, "check_dtype": False}
    assert results[0][0].dtype == batch.dtype
    torch.testing.assert_close(torch.cat([each[0] for each in results]), output, **close)
    torch.testing.assert_close(torch.cat([each[1] for each in results]), batch.grad, **close)
    expected = torch.stack([norm.weight.grad, norm.bias.grad])
    for _, _, gradients, state in results:
        torch.testing.assert_close(gradients, expected, **close)
        torch.testing.assert_close(state, dict(norm.state_dict()), **close)


@pytest.fixture(scope="module")
def single(folder):
    """The network and the batch, in this process."""
    model = build_model(tiny_config())
    model.load_state_dict(torch.load(folder / "model.pt"))
    return model.train(), torch.load(folder / "batch.pt")


def test_gradients_are_those_of_the_mean_of_the_halves_losses(folder, single):
    model, data = single
    model.double()
    with EventStorage():
        losses = [sum(model(ranks.batch_of(data, RANKS, rank)).values()) for rank in range(RANKS)]
    model.zero_grad()
    (sum(losses) / RANKS).backward()
    expected = {name: p.grad for name, p in model.named_parameters() if p.requires_grad}
    for each in found(folder, "plain"):
        assert None not in each["gradients"].values()
        torch.testing.assert_close(each["gradients"], expected, rtol=1e-3, atol=1e-4)


def test_synchronised_network_keeps_the_statistics_of_the_joint_batch(folder, single):
    """All norms, in the backbone, the branches, the predictors and the heads."""
    _, data = single
    model = build_model(tiny_config())
    model.load_state_dict(torch.load(folder / "model.pt"))
    with EventStorage():
        model.train()(data)
    expected = dict(model.named_buffers())
    for each in found(folder, "synchronised"):
        torch.testing.assert_close(each["buffers"], expected, rtol=1e-4, atol=1e-4)


def test_buffers_are_shared_for_evaluation(folder):
    """Plain norms differ between the processes; evaluation takes those of the checkpoint."""
    first, second = found(folder, "plain")
    name = "heads.hard_global.bottleneck.0.running_mean"
    assert not torch.equal(first["buffers"][name], second["buffers"][name])
    for each in (first, second):
        assert all(torch.equal(each["shared"][key], first["buffers"][key]) for key in each["shared"])


def test_processes_speak(folder):
    heard = [torch.load(folder / f"heard_by_{rank}.pt") for rank in range(RANKS)]
    assert [each["place"] for each in heard] == [(0, 2, 0, 2), (1, 2, 1, 2)]
    messages = [{"rank": 0, "text": ""}, {"rank": 1, "text": "x"}]
    assert [each["all_gather"] for each in heard] == [messages, messages]
    assert [each["gather"] for each in heard] == [[[], [1]], []]
    assert heard[0]["seed"] == heard[1]["seed"]
    assert heard[0]["mean"] == {"a": 0.5, "b": 2.0}
    assert heard[0]["sum"] == {"a": 1.0}
    assert all(each["group"] for each in heard)


def test_processes_share_the_cores(folder):
    expected = max(1, len(os.sched_getaffinity(0)) // RANKS)
    heard = [torch.load(folder / f"heard_by_{rank}.pt") for rank in range(RANKS)]
    assert [each["threads"] for each in heard] == [expected, expected]
