import pytest
import torch
from fastreid.utils.events import EventStorage, get_event_storage
from mdpr.engine.steps.scalars import CapturedScalars, ScalarMeans


def test_means_are_those_of_a_plain_loop():
    rows = torch.rand(7, 3)
    means = ScalarMeans()
    for row in rows:
        means.add(["a", "b", "c"], row)
    expected = dict(zip("abc", rows.double().mean(dim=0).tolist(), strict=True))
    assert means.read() == pytest.approx(expected, rel=1e-12)
    assert means.read() == {}


def test_a_window_goes_on_after_a_restart():
    rows = torch.rand(5, 2)
    straight, first, second = ScalarMeans(), ScalarMeans(), ScalarMeans()
    for i, row in enumerate(rows):
        straight.add(["a", "b"], row)
        if i == 3:
            second.load_state_dict(first.state_dict())
        (first if i < 3 else second).add(["a", "b"], row)
    assert second.read() == straight.read()


def test_terms_may_come_and_go():
    means = ScalarMeans()
    means.add(["a"], torch.tensor([1.0]))
    means.add(["a", "b"], torch.tensor([3.0, 4.0]))
    means.add(["c"], torch.tensor([5.0]))
    assert means.read() == {"a": 3.0, "b": 4.0, "c": 5.0}


def test_a_forward_pass_logs_without_being_read():
    with EventStorage() as outside:
        captured = CapturedScalars(outside)
        with captured:
            get_event_storage().put_scalar("accuracy", torch.tensor([0.5], requires_grad=True))
            get_event_storage().put_image("picture", torch.zeros(3, 2, 2))
    assert outside.latest() == {}
    assert captured.scalars["accuracy"].shape == ()
    assert not captured.scalars["accuracy"].requires_grad
    assert len(outside._vis_data) == 1
