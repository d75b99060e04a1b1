"""Logged values across a restart."""

import json

import pytest
from fastreid.utils.events import EventStorage
from mdpr.engine.resume.metrics_history import (
    curve_writers,
    history_state,
    restore_history,
    truncate_metrics,
)
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def write_lines(path, steps, tail=""):
    path.write_text("".join(json.dumps({"iteration": s, "loss": s / 3}) + "\n" for s in steps) + tail)


def steps_in(path):
    return [json.loads(line)["iteration"] for line in path.read_text().splitlines()]


@pytest.mark.parametrize(
    ("first_step", "kept"), [(0, []), (5, [4]), (9, [4]), (10, [4, 9]), (15, [4, 9, 14])]
)
@pytest.mark.parametrize("tail", ["", '{"iteration": 19, "lo', "\0\0\0\0", "[]\n"])
def test_lines_of_steps_to_be_done_again_go(tmp_path, first_step, kept, tail):
    path = tmp_path / "metrics.json"
    write_lines(path, [4, 9, 14], tail)
    assert truncate_metrics(path, first_step) == (kept[-1] if kept else -1)
    assert steps_in(path) == kept


def test_no_file_yet(tmp_path):
    assert truncate_metrics(tmp_path / "metrics.json", 5) == -1


def test_an_epoch_whose_evaluation_was_killed_is_in_both_curves(tmp_path):
    """It begins again with the evaluation, so what it logs is of a step before the first that it does."""
    write_lines(tmp_path / "metrics.json", [3])
    with EventStorage(8) as storage:
        storage.iter = 7
        storage.put_scalar("mAP", 50.0, smoothing_hint=False)
        for writer in curve_writers(str(tmp_path), 8):
            writer.write()
            writer.close()
    assert steps_in(tmp_path / "metrics.json") == [3, 7]
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert [event.step for event in events.Scalars("mAP")] == [7]


def log(storage, first, last, writer, every=4):
    for step in range(first, last):
        storage.iter = step
        storage.put_scalar("loss", (step * 37 % 101) / 7)
        storage.put_scalar("lr", 0.1 / (step + 1), smoothing_hint=False)
        if step == 5:
            storage.put_scalar("mAP", 50.0, smoothing_hint=False)
        if (step + 1) % every == 0:
            writer.write()


def test_a_restarted_log_is_the_log_of_a_run_that_was_not(tmp_path):
    """Medians over 20 values, rare values and all, whenever the process was killed."""
    whole = tmp_path / "whole"
    whole.mkdir()
    with EventStorage(0) as storage:
        log(storage, 0, 60, curve_writers(str(whole), 0)[0])
    for checkpoint, killed in ((7, 11), (25, 25), (32, 47)):
        path = tmp_path / str(checkpoint)
        path.mkdir()
        with EventStorage(0) as storage:
            log(storage, 0, checkpoint, curve_writers(str(path), 0)[0])
            state = json.loads(json.dumps(history_state(storage)))
            log(storage, checkpoint, killed, curve_writers(str(path), checkpoint)[0])
        with EventStorage(checkpoint) as storage:
            restore_history(storage, state)
            log(storage, checkpoint, 60, curve_writers(str(path), checkpoint)[0])
        assert (path / "metrics.json").read_text() == (whole / "metrics.json").read_text()
