"""Runs that are there and no longer are what the study says; other code, data and machines in a table."""

import json

import pytest
from mdpr.engine.results import read_results
from mdpr.errors import ConfigError
from mdpr.study import run_study
from mdpr.study.collect import results_of
from mdpr.study.footnotes import footnotes
from mdpr.study.record import State
from mdpr.study.reuse import check_reuse
from support.studies import finish, write_study

SCORES = {("a", 0): [0.5, 0.6], ("a", 1): [0.5, 0.7], ("b", 0): [0.8, 0.6]}


def test_a_run_of_another_config_is_not_counted_unasked(tmp_path):
    study = write_study(tmp_path, {"a": {}, "b": {}})
    told = []
    assert run_study(study, study.runs, told.append) == {State.FINISHED: 2}
    # What changes no result does not matter.
    same = write_study(tmp_path, {"a": {}, "b": {"options": ["DATALOADER.NUM_WORKERS", 3]}})
    check_reuse(same, same.runs, rerun=False, report=told.append)
    changed = write_study(tmp_path, {"a": {}, "b": {"options": ["SOLVER.MAX_EPOCH", 9, "STUB.MAP", 70]}})
    with pytest.raises(
        ConfigError, match=r"b/seed0: SOLVER.MAX_EPOCH was 7, is 9, STUB.MAP was not set, is 70"
    ):
        run_study(changed, changed.runs, told.append)
    assert run_study(changed, changed.runs, told.append, rerun=True) == {State.FINISHED: 2}
    assert read_results(changed.runs[1].folder)[0]["Set"]["mAP"] == 70
    (before,) = changed.output.glob("b/seed0_before_*")
    assert read_results(before)[0]["Set"]["mAP"] == 50
    assert f"b/seed0: the run before is in {before}" in told
    # A run by hand is nobody's.
    (changed.runs[0].folder / "study.json").unlink()
    with pytest.raises(ConfigError, match="holds a run that no study has started"):
        run_study(changed, changed.runs, told.append)


def test_a_run_on_other_images_is_not_counted_unasked(tmp_path, monkeypatch):
    monkeypatch.setattr("mdpr.study.reuse.data_hashes", lambda cfg, strict: {"Set": "0ther"})
    study = write_study(tmp_path, {"a": {}, "b": {}}, program=None)
    finish(study, SCORES)
    with pytest.raises(ConfigError, match="a/seed0: the images of Set have changed"):
        check_reuse(study, study.runs, rerun=False, report=print)


def test_a_config_that_cannot_be_used_is_said_before_anything_starts(tmp_path):
    study = write_study(tmp_path, {"a": {}, "b": {"options": ["SOLVER.MAX_EPOHC", 3]}}, program=None)
    with pytest.raises(ConfigError, match=r"row 'b': SOLVER.MAX_EPOHC is not a config key \(did you mean"):
        run_study(study, study.runs, print)
    assert not study.output.exists()


def test_the_weights_of_its_seed_are_no_other_config(tmp_path):
    study = write_study(tmp_path, {"a": {}, "b": {"weights": "a"}}, seeds=[0, 1])
    finish(study, {(run.row, run.seed): [0.5] for run in study.runs})
    for run in study.runs:
        content = json.loads((run.folder / "results.json").read_text())
        content["fingerprint"]["config"] = f"{run.row} {run.seed}"
        (run.folder / "results.json").write_text(json.dumps(content))
    (note,) = footnotes(results_of(study.runs))
    assert note.text == "Not all runs of a have the same config: a 0 in 1 runs, but a 1: a seed 1"


def test_footnotes_say_what_differs_where(tmp_path):
    study = write_study(tmp_path, {"a": {}, "b": {}}, seeds=[0, 1])
    finish(study, SCORES)
    assert footnotes(results_of(study.runs)) == []
    run = study.runs[1]
    content = json.loads((run.folder / "results.json").read_text())
    content["fingerprint"] |= {"code": {"hash": "0ld", "commit": "abc"}, "device": "a CPU"}
    content["fingerprint"]["versions"]["torch"] = "2.5.0"
    (run.folder / "results.json").write_text(json.dumps(content))
    other = study.runs[2]
    content = json.loads((other.folder / "results.json").read_text())
    # The same sources at another commit, which has touched what no run computes with.
    content["fingerprint"] |= {"config": "0ther", "code": {"hash": "c0de", "commit": "def"}}
    (other.folder / "results.json").write_text(json.dumps(content))
    notes = {note.text: note.rows for note in footnotes(results_of(study.runs))}
    assert notes == {
        "Not all with the same code: c0de in 2 runs, but 0ld (commit abc): b seed 0": {"b"},
        "Not all with the same device: a GPU in 2 runs, but a CPU: b seed 0": {"b"},
        "Not all with the same torch: 2.11.0 in 2 runs, but 2.5.0: b seed 0": {"b"},
        "Not all runs of a have the same config: c0f1 in 1 runs, but 0ther: a seed 1": {"a"},
    }
    del content["fingerprint"]
    (other.folder / "results.json").write_text(json.dumps(content))
    said = "; ".join(note.text for note in footnotes(results_of(study.runs)))
    assert "unknown: a seed 1" in said
