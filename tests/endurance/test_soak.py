"""The soak test's own judgement; the soak itself is scripts/endurance/soak.py."""

import signal
import threading
from types import SimpleNamespace

import pytest
from endurance.memory_growth import MemoryRecorder, StallWatch, growth, read_memory


def test_growth_is_of_the_highest_epoch_behind_the_settled_one():
    memory = {0: [50, 100, 90, 104, 101], 1: [300, 200, 190, 180, 170]}
    assert growth(memory, settled=2) == pytest.approx({0: 4.0, 1: -5.0})
    assert growth(memory, settled=1) == pytest.approx({0: 108.0, 1: -100 / 3})


def test_a_run_that_ended_early_cannot_be_judged():
    with pytest.raises(ValueError, match="rank 1 recorded 2 epochs: expected more than 2"):
        growth({0: [1, 2, 3], 1: [1, 2]}, settled=2)


def test_every_epoch_is_recorded_and_a_new_run_starts_anew(tmp_path):
    for epochs in (5, 3):
        recorder = MemoryRecorder(tmp_path)
        recorder.before_train()
        for epoch in range(epochs):
            recorder.trainer = SimpleNamespace(epoch=epoch)
            recorder.after_epoch()
    (values,) = read_memory(tmp_path).values()
    assert len(values) == 3
    assert min(values) > 2**20


def test_a_stalled_run_is_asked_to_end_and_then_told(tmp_path):
    told = []
    second = threading.Event()

    def note(*_):
        told.append(1)
        if len(told) == 2:
            second.set()

    previous = signal.signal(signal.SIGTERM, note)
    try:
        with StallWatch(tmp_path, seconds=0.1) as watch:
            second.wait(20)
    finally:
        signal.signal(signal.SIGTERM, previous)
    assert watch.stalled
    assert len(told) == 2


def test_a_run_that_goes_on_is_left_alone(tmp_path):
    with StallWatch(tmp_path, seconds=60) as watch:
        pass
    assert not watch.stalled
