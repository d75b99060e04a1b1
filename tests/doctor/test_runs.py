"""Checks by processes of their own, on CPUs, and what they make of processes that fail."""

import os
import re
import time

import pytest
import torch
from mdpr_doctor import child, resume, runs
from mdpr_doctor.finding import FAILED, OK
from mdpr_doctor.processes import PythonProcess
from mdpr_doctor.resume import check_kill_and_resume, judge


def process_of(code, folder):
    return PythonProcess(["-c", code], folder / "log", WORD="hello")


def test_a_process(tmp_path):
    with process_of("import os, mdpr_doctor; print(os.environ['WORD'])", tmp_path) as process:
        process.expect_success(limit=60)
        assert process.printed == "hello\n"


def test_a_process_that_fails(tmp_path):
    with (
        process_of("raise ValueError('no')", tmp_path) as process,
        pytest.raises(RuntimeError, match=r"a process ended with exit code 1: ValueError: no\n"),
    ):
        process.expect_success(limit=60)


def test_a_process_that_hangs_is_gone_with_its_children(tmp_path):
    sleeper = (
        "import subprocess, sys;"
        "subprocess.run([sys.executable, '-c', 'import time; print(1, flush=True); time.sleep(600)'])"
    )
    with process_of(sleeper, tmp_path) as process:
        assert process.wait(60, until=lambda: process.printed == "1\n") is None
        with pytest.raises(RuntimeError, match="a process still ran after 0 s: 1"):
            process.expect_success(limit=0)
        group = process._process.pid
    deadline = time.monotonic() + 30
    while _alive(group) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(group)


def _alive(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_loader_that_raises():
    finding = runs.check_raising_loader("cpu")
    assert finding.status == OK, finding


class Ended:
    """A process that printed this and ended with that."""

    def __init__(self, code, printed):
        self.code, self.printed = code, printed

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def wait(self, limit, until=None):
        return self.code

    def expect_success(self, limit):
        assert self.code == 0


@pytest.mark.parametrize(
    ("code", "printed", "found"),
    [
        (None, child.MESSAGE, "still waiting after 90 s"),
        (0, child.MESSAGE, "exit code 0"),
        (1, "another error", "exit code 1, without it"),
    ],
)
def test_a_loader_that_hangs_or_swallows(monkeypatch, code, printed, found):
    monkeypatch.setattr(runs, "PythonProcess", lambda *_: Ended(code, printed))
    finding = runs.check_raising_loader("cpu")
    assert finding.status == FAILED
    assert found in finding.found


def test_a_group_of_one():
    child.group_of_one("cpu")


def test_a_run_of_two_processes():
    finding = runs.check_processes("cpu", count=2)
    assert (finding.status, finding.found) == (OK, "2 trained and evaluated, gloo")
    assert 0 <= finding.details["mAP"] <= 100


@pytest.fixture
def scored(monkeypatch):
    """Runs that end at once, with an mAP of 85; returns their options."""
    seen = []

    def train(output, device, *layers, arguments=()):
        output.mkdir()
        (output / "results.json").write_text('{"SynthPersons": {"mAP": 85.0, "Rank-1": 95.0}}')
        seen.append(
            {"device": device, "arguments": arguments} | {k: v for one in layers for k, v in one.items()}
        )
        return Ended(0, "")

    monkeypatch.setattr(runs, "train", train)
    return seen


@pytest.mark.parametrize(("least", "status"), [(80.0, OK), (90.0, FAILED)])
def test_the_demo_has_to_reach_its_score(scored, monkeypatch, least, status):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    finding = runs.check_synth_persons("cuda", least=least)
    assert finding.status == status
    assert finding.found.startswith("mAP 85.00, Rank-1 95.00")
    assert scored[0]["SOLVER.AMP.DTYPE"] == "fp16"
    assert scored[0]["DATASETS.NAMES"] == ("SynthPersons",)
    assert scored[0]["MODEL.MDPR.EMBEDDING_DIM"] == 128


def test_one_gpu_has_a_group_of_one_beside_its_run(scored, monkeypatch):
    started = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(runs, "PythonProcess", lambda command, log: started.append(command) or Ended(0, ""))
    finding = runs.check_processes("cuda")
    assert finding.found == "1 trained and evaluated, and a group of one, NCCL"
    assert scored[0]["arguments"] == ("--num-gpus", "1")
    assert started == [["-m", "mdpr_doctor.child", "group-of-one", "cuda"]]


def test_kill_and_resume():
    finding = check_kill_and_resume("cpu")
    assert finding.status == OK, finding
    assert re.fullmatch(r"killed after step [24] of 6, and resumed: the same bits in the end", finding.found)


@pytest.mark.parametrize(
    ("device", "share", "status"),
    [("cpu", 0.0, OK), ("cpu", 0.01, FAILED), ("cuda", 0.01, OK), ("cuda", 0.1, FAILED)],
)
def test_what_a_resumed_run_may_differ_by(device, share, status):
    before, expected = {"w": torch.zeros(4)}, {"w": torch.ones(4)}
    finding = judge(device, "killed", before, {"w": torch.full((4,), 1 + share)}, expected)
    assert finding.status == status
    assert ("the same bits" in finding.found) is (share == 0)


def test_a_run_that_never_gets_to_a_checkpoint(monkeypatch):
    monkeypatch.setattr(resume, "train", lambda *_, **__: Ended(1, "no such data set"))
    with pytest.raises(RuntimeError, match="no checkpoint to kill the run after\nno such data set"):
        check_kill_and_resume("cpu")
