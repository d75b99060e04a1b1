"""The crash test, in short, and that it would find what it looks for."""

import json

import pytest
import torch
from endurance.kill_and_resume import _problems
from endurance.run_comparison import compare_runs, differences
from support.configs import ONE_BRANCH
from support.processes import python

STATE = {
    "model": {"weight": torch.zeros(2)},
    "random": [1, "MT", (2.5, None)],
    "history": {"loss": {"values": [[1.0, 1]]}, "time": {"values": [[9.0, 1]]}},
}


def test_killed_runs_end_as_if_they_had_not_been(tmp_path):
    verdict = tmp_path / "verdict.json"
    result = python(
        *("scripts/endurance/crash.py", "--kills", 3, "--epochs", 2, "--forked"),
        *("--output", tmp_path / "runs", "--json", verdict, *ONE_BRANCH),
    )
    assert result.returncode == 0, result.stdout + result.stderr
    content = json.loads(verdict.read_text())
    assert content["passed"]
    assert {kill["moment"] for kill in content["kills"]} == {"write", "step", "start"}
    assert len(content["kills"]) == 3
    assert "3 of 3 kills without loss" in result.stdout


@pytest.mark.parametrize(
    ("key", "value", "place"),
    [
        ("model", {"weight": torch.tensor([0, 1e-45])}, "/model/weight"),
        ("model", {"weight": torch.zeros(2).double()}, "/model/weight"),
        ("model", {}, "/model/weight: only in one"),
        ("random", [1, "MT", (2.5, 0)], "/random/2/1: NoneType and int"),
        ("random", [1, "MT"], "/random: 3 and 2 items"),
        ("random", [1, "MU", (2.5, None)], "/random/1: MT and MU"),
    ],
)
def test_every_difference_is_found(key, value, place):
    (found,) = list(differences(STATE, {**STATE, key: value}))
    assert found.startswith(place)
    assert list(differences(STATE, {**STATE})) == []


def write_run(folder, losses, state=STATE, result=50.0):
    folder.mkdir()
    torch.save(state, folder / "model_final.pth")
    lines = [{"iteration": i, "loss": loss, "time": id(folder)} for i, loss in enumerate(losses)]
    (folder / "metrics.json").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "results.json").write_text(json.dumps({"Set": {"mAP": result}}))
    return folder


def test_runs_are_compared_but_for_the_clock(tmp_path):
    history = {**STATE["history"], "time": {"values": [[1.0, 1]]}}
    one = write_run(tmp_path / "one", [3.0, 2.0])
    assert compare_runs(one, write_run(tmp_path / "same", [3.0, 2.0], {**STATE, "history": history})) == []
    for name, losses, result, where in (
        ("loss", [3.0, 2.1], 50.0, "metrics.json: /1/loss: 2.0 and 2.1"),
        ("line", [3.0, 2.0, 2.0], 50.0, "metrics.json: : 2 and 3 items"),
        ("result", [3.0, 2.0], 51.0, "results.json: /Set/mAP: 50.0 and 51.0"),
    ):  # fmt: skip
        assert compare_runs(one, write_run(tmp_path / name, losses, result=result)) == [where]
    (one / "model_final.pth").unlink()
    assert compare_runs(one, tmp_path / "same") == ["model_final.pth: not in one"]


def test_losses_are_noticed(tmp_path):
    torch.save({"iteration": 4}, tmp_path / "model_iter_00000004.pth")
    last = tmp_path / "last_checkpoint"
    last.write_text("model_iter_00000004.pth")
    assert _problems(tmp_path, None) == []
    assert _problems(tmp_path, ("model_iter_00000004.pth", 4)) == []
    assert _problems(tmp_path, ("model_iter_00000006.pth", 6)) == ["went back from step 6 to 4"]
    last.write_text("model_iter_00000008.pth")
    (problem,) = _problems(tmp_path, None)
    assert "which is not there" in problem
    last.unlink()
    assert _problems(tmp_path, ("model_iter_00000004.pth", 4)) == ["last_checkpoint is gone"]
    (tmp_path / "model_0001.pth").write_bytes(b"PK\3\4 half")
    assert any("truncated" in problem for problem in _problems(tmp_path, None))
