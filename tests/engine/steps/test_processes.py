"""Two processes take the same steps as one, and agree on the ones that nobody may take."""

import pytest
import torch
from engine.steps.step_worker import PROCESSES, work
from fastreid.utils.events import EventStorage
from mdpr.checkpoint.reading import read_checkpoint
from support.gather_worker import free_port
from support.toys import batch, run, step_of, toy
from torch import multiprocessing


@pytest.fixture(scope="module")
def folder(make_folder):
    folder = make_folder("processes")
    multiprocessing.spawn(work, (free_port(), str(folder)), PROCESSES)
    return folder


@pytest.fixture(scope="module")
def results(folder):
    return [torch.load(folder / f"rank{rank}.pt") for rank in range(PROCESSES)]


def one_process(numbers, accumulate):
    """Each process's batches as one process takes them: weights, and what it logs."""
    model = toy()
    step = step_of(model, [batch(number) for number in numbers], accumulate=accumulate)
    with EventStorage():
        run(step, len(numbers) // accumulate)
    return dict(model.named_parameters()), step.scalars.read()


def test_accumulated_steps_are_those_of_one_process(results):
    weights, scalars = one_process(range(8), accumulate=4)
    for result in results:
        for name, weight in weights.items():
            torch.testing.assert_close(result["accumulated"]["state"][name], weight.detach())
        assert result["accumulated"]["scalars"] == pytest.approx(scalars, rel=1e-5)


def test_gradients_are_exchanged_once_a_step(results):
    assert [result["accumulated"]["exchanges"] for result in results] == [2, 2]


def test_a_bad_batch_of_one_process_is_left_out_by_all(results):
    weights, _ = one_process([0, 1, 4, 5], accumulate=2)
    for result in results:
        assert result["skipped"]["skipped"] == 1
        for name, weight in weights.items():
            torch.testing.assert_close(result["skipped"]["state"][name], weight.detach())


def test_all_stop_and_all_know_why(results, folder):
    first, second = (result["stopped"] for result in results)
    assert first == second
    assert "not finite at iteration 0, process 1" in first
    assert "3_0.jpg" in first
    assert "2_0.jpg" not in first
    content = read_checkpoint(folder / "stopped" / "nonfinite.pth")
    assert content["process"] == 1
    assert content["batches"][0]["img_paths"][0] == "3_0.jpg"
