"""How far a run is, told from whatever is in its folder."""

import json
import os

import pytest
from mdpr.cli.main import main
from mdpr.engine.reporting.run_status import read_metrics, run_status
from mdpr.errors import InputError

LINES = [
    {"iteration": 19, "epoch": 0.5, "time": 2.0, "total_loss": 9.0, "loss_group/hard": 4.0, "lr": 1e-3},
    {"iteration": 39, "epoch": 1.0, "time": 2.0, "total_loss": 8.0, "mAP": 60.0, "Rank-1": 70.0},
    {
        **{
            "iteration": 59,
            "epoch": 1.5,
            "time": 2.0,
            "total_loss": 7.5,
            "loss_group/hard": 3.0,
            "lr": 3.5e-4,
        },
        **{
            "eta_seconds": 3661.0,
            "images_per_second": 38.25,
            "data_wait_share": 0.031,
            "mAP": 50.0,
            "Rank-1": 80.0,
        },
    },
]
WHOLE = "".join(f"{json.dumps(line)}\n" for line in LINES)


@pytest.fixture
def run(tmp_path):
    (tmp_path / "metrics.json").write_text(WHOLE)
    (tmp_path / "config.yaml").write_text("SOLVER:\n  MAX_EPOCH: 34\n")
    (tmp_path / "log.txt").write_text("first line\nlast \x1b[31mline\n\n")
    return tmp_path


def rows(text):
    return dict(line.split("  ", 1) for line in text.splitlines())


def test_a_run_that_goes_on(run):
    table = {name: value.strip() for name, value in rows(run_status(run)).items()}
    assert table["state"].startswith("not finished; last wrote 0:00:")
    assert table["state"].endswith("writes curves about every 0:00:40")
    assert table["epochs"] == "1.50 of 34"
    assert table["steps"] == "60"
    assert table["time left"] == "1:01:01, without evaluations"
    assert table["speed"] in ("38.2 images/s", "38.3 images/s")
    assert table["data wait"] == "3 %"
    assert table["loss"] == "7.500 (hard 3)"
    assert table["learning rate"] == "3.50e-04"
    assert table["last scores"] == "mAP 50.00 %, Rank-1 80.00 % (step 60)"
    assert table["best mAP"] == "60.00 % (step 40)"
    assert table["log ends with"] == "last [31mline"


@pytest.mark.parametrize(
    "tail", ['{"iteration": 79, "total_lo', "\0\0\0\0", "[]\n", '{"iteration": "x"}\n', "\xff"]
)
def test_a_line_that_is_being_written_is_left_out(run, tail):
    (run / "metrics.json").write_bytes(WHOLE.encode() + tail.encode("latin-1"))
    assert read_metrics(run / "metrics.json") == LINES
    assert "60" in rows(run_status(run))["steps"]


def test_a_run_that_has_ended_and_one_that_went_on_then(run):
    (run / "model_final.pth").write_text("")
    os.utime(run / "metrics.json", (1000, 1000))
    assert rows(run_status(run))["state"].strip() == "finished"
    (run / "metrics.json").touch()
    os.utime(run / "model_final.pth", (1000, 1000))
    assert "not finished" in run_status(run)


def test_scores_that_are_those_of_re_ranking(run):
    (run / "config.yaml").write_text("TEST: {RERANK: {ENABLED: true}}")
    table = rows(run_status(run))
    assert table["last scores, re-ranked"].strip() == "mAP 50.00 %, Rank-1 80.00 % (step 60)"
    assert table["best mAP, re-ranked"].strip() == "60.00 % (step 40)"


def test_several_test_sets(tmp_path):
    line = {"iteration": 3, "A/mAP": 1.0, "A/Rank-1": 2.0, "B/mAP": 3.0}
    (tmp_path / "metrics.json").write_text(f"{json.dumps(line)}\n")
    table = rows(run_status(tmp_path))
    assert table["A/last scores"].strip() == "mAP 1.00 %, Rank-1 2.00 % (step 4)"
    assert table["B/best mAP"].strip() == "3.00 % (step 4)"


def test_folders_with_nothing_or_nonsense_in_them(tmp_path, capsys):
    assert "not started" in run_status(tmp_path)
    (tmp_path / "config.yaml").write_text("[")
    (tmp_path / "metrics.json").write_text("")
    (tmp_path / "log.txt").write_bytes(b"\xff\n")
    assert "not finished; last wrote" in run_status(tmp_path)
    with pytest.raises(InputError, match="no folder"):
        run_status(tmp_path / "none")
    assert main(["watch", str(tmp_path / "none"), "--once"]) == 1
    assert capsys.readouterr().err.startswith("error: ")
