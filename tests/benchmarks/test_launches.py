"""The count of launches and waits, against operations counted by hand and against a step that waits."""

import pytest
import torch
from benchmarks.launches import Counter, _meta_passes_for_a_gpu, count_step
from fastreid.utils.events import EventStorage
from support.configs import tiny_config


def count(function):
    with Counter() as counter, _meta_passes_for_a_gpu(counter):
        function()
    return counter.launches, counter.waits


def on_meta(*shape, dtype=torch.float32):
    return torch.empty(shape, device="meta", dtype=dtype)


@pytest.mark.parametrize(
    ("function", "launches"),
    [
        (lambda: on_meta(3) + 1, 1),
        (lambda: on_meta(2, 3).t().reshape(-1)[1:], 1),  # the copy, not the views
        (lambda: torch.stack([on_meta(3)] * 5), 1),
        (lambda: torch.cat([on_meta(3)] * 200), 2),
        (lambda: torch._foreach_add_([on_meta(3) for _ in range(111)], 1), 2),
        (lambda: torch._foreach_add_([on_meta(65536) for _ in range(400)], 1), 4),
        (lambda: torch._foreach_add_([on_meta(65536 * 640)], 1), 2),
        (lambda: torch._foreach_mul_([on_meta(3), on_meta(3, dtype=torch.float64)], 2), 2),
        (lambda: torch.ones(3) + 1, 0),  # on the host
    ],
)
def test_launches(function, launches):
    assert count(function) == (launches, 0)


@pytest.mark.parametrize(
    "function",
    [
        lambda: on_meta().item(),
        lambda: on_meta(3).tolist(),
        lambda: on_meta(3).to("cpu"),
        lambda: bool(on_meta()),
    ],
)
def test_what_waits_for_the_device(function):
    assert count(function)[1] == 1


def test_a_copy_that_nobody_waits_for_is_no_wait():
    assert count(lambda: on_meta(3).to("cpu", non_blocking=True))[1] == 0


def test_a_step_of_the_method_waits_for_nothing():
    cfg = tiny_config("MODEL.DEVICE", "meta", "SOLVER.IMS_PER_BATCH", 4, "SOLVER.AMP.ENABLED", False)
    with EventStorage():
        counts = count_step(cfg, averaged=True)
    assert counts["waits"] == 0
    assert counts["forward"] > 100 < counts["backward"]
    assert 0 < counts["rest"] < 150
