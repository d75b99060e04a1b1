"""Several runs at once: what is done, what is left, and what a user is told. The runs are stubs."""

import os
import signal
import threading
import time

import pytest
from mdpr.cli.study import main
from mdpr.errors import ConfigError
from mdpr.study import run_study
from mdpr.study.record import State, read_record, state_of
from mdpr.study.schedule import _places
from mdpr.study.show import show_study
from support.studies import write_study

ROWS = {"plain": {"options": ["STUB.MAP", 40]}, "better": {"options": ["STUB.MAP", 44]}}


def starts(study):
    return [len((run.folder / "starts").read_text().splitlines()) for run in study.runs]


def waiting(rows, file):
    return {name: {"options": [*row["options"], "STUB.WAIT", str(file)]} for name, row in rows.items()}


def test_a_failing_run_is_told_and_the_others_go_on(tmp_path, capsys):
    rows = {"bad": {"options": ["STUB.FAIL", 3]}, **ROWS}
    study = write_study(tmp_path, rows, seeds=[0, 1], checkpoints="final", reference="plain")
    assert main(["run", str(study.file), "--jobs", "2"]) == 1
    said = capsys.readouterr().out
    assert "bad/seed0: failed after 0:00:0" in said
    assert "exit code 3:\n    epoch 1/2: a line of the run" in said
    assert "better/seed1: finished after 0:00:0" in said
    assert "Set mAP 45.00 Rank-1 55.00" in said
    assert said.endswith("4 finished, 2 failed\n")
    assert [path.name for path in study.runs[1].folder.glob("*.pth")] == ["model_final.pth"]
    # What is finished is left alone; what failed is tried again.
    assert main(["run", str(study.file), "--rows", "plain", "bad", "--seeds", "0"]) == 1
    assert "1 of 2 runs are finished already" in capsys.readouterr().out
    assert starts(study) == [2, 1, 1, 1, 1, 1]
    assert main(["show", str(study.file)]) == 0
    shown = capsys.readouterr().out
    assert "Finished: 4 of 6 runs." in shown
    assert "Failed: bad/seed1, epoch 1/2" in shown


def test_who_evaluates_the_weights_of_another_one_waits_for_them(tmp_path, capsys):
    rows = {"a": ROWS["plain"], "b": {"weights": "a"}, "bad": {"options": ["STUB.FAIL", 3]}}
    study = write_study(tmp_path, {**rows, "c": {"weights": "bad"}})
    assert main(["run", str(study.file), "--jobs", "4"]) == 1
    said = capsys.readouterr().out
    assert said.index("a/seed0: finished") < said.index("b/seed0: started")
    assert "c/seed0: not started, as the weights that it evaluates are not there" in said
    assert said.endswith("2 finished, 1 failed, 1 missing\n")


@pytest.mark.skipif(
    threading.current_thread() is not threading.main_thread(), reason="signals come to the main thread"
)
def test_a_study_that_was_cut_off_ends_as_any_other(tmp_path, capsys):
    """By a signal, then by its budget; each time the runs are told to save, and are gone on with."""
    (tmp_path / "cut").mkdir()
    whole = write_study(tmp_path, ROWS, seeds=[0, 1], reference="plain")
    run_study(whole, whole.runs, print, jobs=4)
    study = write_study(tmp_path / "cut", waiting(ROWS, tmp_path / "go"), seeds=[0, 1], reference="plain")

    def interrupt():
        while len(list(study.output.glob("*/*/log.txt"))) < 2:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    capsys.readouterr()
    assert main(["run", str(study.file), "--jobs", "2"]) == 3
    said = capsys.readouterr().out
    assert "stopping: 2 runs are told to save and end" in said
    assert said.endswith("2 cut off, 2 missing\n")
    assert "Cut off: plain/seed0, epoch 1/2" in show_study(study, study.runs)

    assert main(["run", str(study.file), "--jobs", "4", "--budget", "0.01"]) == 3
    assert "the time is up: 4 runs are told to save and end" in capsys.readouterr().out
    (tmp_path / "go").touch()
    assert run_study(study, study.runs, print) == {State.FINISHED: 4}
    assert starts(study)[:2] == [3, 3]
    record = read_record(study.runs[0].folder)
    assert [attempt.exit_code for attempt in record.attempts] == [143, 143, 0]
    assert record.seconds == pytest.approx(sum(each.ended - each.started for each in record.attempts))
    one, other = (show_study(each, each.runs, form="csv").splitlines() for each in (whole, study))
    place = one[0].split(",").index("seconds mean")
    assert [line.split(",")[:place] for line in one] == [line.split(",")[:place] for line in other]


def test_two_runners_never_start_a_run_twice(tmp_path):
    study = write_study(tmp_path, waiting(ROWS, tmp_path / "go"), seeds=[0, 1])
    told, states = [], []

    def run():
        states.append(run_study(study, study.runs, told.append, jobs=2))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    while len(list(study.output.glob("*/*/log.txt"))) < 4:
        time.sleep(0.02)
    assert {state_of(run.folder) for run in study.runs} == {State.RUNNING}
    with pytest.raises(ConfigError, match="is running: stop it"):
        changed = write_study(tmp_path, {name: {"options": ["STUB.MAP", 1]} for name in ROWS})
        run_study(changed, changed.runs, told.append, rerun=True)
    (tmp_path / "go").touch()
    for thread in threads:
        thread.join()
    assert starts(study) == [1, 1, 1, 1]
    assert sum("finished after" in line for line in told) == 4


@pytest.mark.parametrize(
    ("gpus", "visible", "asked", "expected"),
    [
        (0, None, (None, 1), [("4", None)] * 4),  # four cores a run
        (0, None, (3, 1), [("5", None)] * 3),
        (2, None, (None, 1), [("8", "0"), ("8", "1")]),
        (2, None, (None, 2), [("4", "0"), ("4", "1"), ("4", "0"), ("4", "1")]),
        (2, "5,7", (3, 1), [("5", "5"), ("5", "7"), ("5", "5")]),
        (0, None, (99, 1), [("1", None)] * 10),  # no more than there are runs
    ],
)
def test_every_run_gets_its_part_of_the_machine(monkeypatch, gpus, visible, asked, expected):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.setattr("torch.cuda.device_count", lambda: gpus)
    monkeypatch.setattr("mdpr.study.schedule.usable_cores", lambda: 16)
    found = _places(*asked, 10)
    assert [(place["OMP_NUM_THREADS"], place.get("CUDA_VISIBLE_DEVICES")) for place in found] == expected
