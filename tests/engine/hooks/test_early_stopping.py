from types import SimpleNamespace

import pytest
from fastreid.config import CfgNode
from mdpr.engine.evaluations import Evaluations
from mdpr.engine.hooks.early_stopping import EarlyStopping


def evaluations_of(*values):
    evaluations = Evaluations()
    for index, value in enumerate(values):
        evaluations.add(2 * (index + 1), {} if value is None else {"mAP": value, "Rank-1": 50.0})
    return evaluations


@pytest.mark.parametrize(
    ("values", "min_delta", "best", "since"),
    [
        ((), 0.0, None, 0),
        ((10,), 0.0, 2, 0),
        ((10, 12, 11), 0.0, 4, 1),
        ((10, 10, 10), 0.0, 2, 2),
        ((10, 10.5, 10.9, 11.2), 1.0, 8, 0),  # small steps add up
        ((10, 10.5, 10.9), 1.0, 2, 2),
        ((None, None), 0.0, None, 0),
    ],
)
def test_best_and_how_long_ago(values, min_delta, best, since):
    evaluations = evaluations_of(*values)
    found = evaluations.best("mAP", min_delta)
    assert (found and found.epoch) == best
    assert evaluations.since_best("mAP", min_delta) == since


def test_an_epoch_evaluated_again_counts_once():
    evaluations = evaluations_of(10, 12)
    evaluations.add(4, {"mAP": 11.0})
    assert evaluations.best("mAP").metrics == {"mAP": 11.0}
    assert evaluations.last.epoch == 4


def stopping(evaluations, patience=2):
    return EarlyStopping(evaluations, CfgNode({"PATIENCE": patience, "METRIC": "mAP", "MIN_DELTA": 0.0}))


@pytest.mark.parametrize(
    ("values", "patience", "stops"),
    [
        ((10, 9), 2, False),
        ((10, 9, 8), 2, True),
        ((10, 9, 11), 2, False),
        ((10, 9, 8), 0, False),
        ((None, None, None), 1, False),
    ],
)
def test_patience(values, patience, stops):
    reasons = []
    hook = stopping(evaluations_of(*values), patience)
    hook.trainer = SimpleNamespace(end_after_this_epoch=reasons.append)
    hook.after_epoch()
    assert len(reasons) == stops
    if stops:
        assert "mAP has not got better in 2 evaluations (best 10.00 % after epoch 2" in reasons[0]


def test_a_resumed_run_decides_as_the_first():
    first, second = evaluations_of(10, 9, 8), Evaluations()
    second.load_state_dict(first.state_dict())
    assert stopping(second).reason == stopping(first).reason is not None
    assert stopping(second, patience=3).reason is None
