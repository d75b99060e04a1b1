"""A study file: the runs it stands for, in which order, and what is wrong with it in one line."""

import re

import pytest
from mdpr.errors import ConfigError
from mdpr.study import read_study
from mdpr.study.process import command
from support.studies import write_study

WITH_WEIGHTS = {"a": {}, "b": {"weights": "a"}}


def test_runs_go_seed_by_seed(tmp_path):
    """So that what is done when the time is up can be compared."""
    study = write_study(tmp_path, {"a": {}, "+ c": {}}, seeds=[1, 0], data_sets=["Set", "Other"])
    assert [run.name for run in study.runs] == [
        *("a/Set/seed1", "+ c/Set/seed1", "a/Other/seed1", "+ c/Other/seed1"),
        *("a/Set/seed0", "+ c/Set/seed0", "a/Other/seed0", "+ c/Other/seed0"),
    ]
    assert study.runs[1].folder == tmp_path / "out" / "+ c" / "Set" / "seed1"
    assert [run.name for run in study.pick(["a"], [0])] == ["a/Set/seed0", "a/Other/seed0"]


def test_the_command_line_of_a_run(tmp_path):
    rows = {"a": {"options": ["SOLVER.BASE_LR", 0.5, "INPUT.SIZE_TRAIN", [64, 32]]}}
    study = write_study(tmp_path, rows, options={"SOLVER.MAX_EPOCH": 9}, data_sets=["Set"], program=None)
    given = {"options": ["MODEL.DEVICE", "cuda"], "reference": "a"}
    study = read_study(study.file, output=tmp_path / "there", **given)
    assert study.reference == "a"
    (run,) = study.runs
    assert run.folder == tmp_path / "there/a/Set/seed0"
    said = command(study, run)
    assert said[1:7] == ["-m", "mdpr", "train", "--config-file", str(tmp_path / "own.yml"), "--resume"]
    options = dict(zip(said[7::2], said[8::2], strict=True))
    assert options == {
        **{"SOLVER.MAX_EPOCH": "9", "SOLVER.BASE_LR": "0.5", "INPUT.SIZE_TRAIN": "[64, 32]"},
        **{"DATASETS.NAMES": "('Set',)", "DATASETS.TESTS": "('Set',)", "TEST.MDPR.SAVE_RANKINGS": "True"},
        **{"MODEL.DEVICE": "cuda", "OUTPUT_DIR": str(run.folder), "SEED": "0"},
    }


def test_settings_are_those_that_change_a_result(tmp_path):
    """In files and on the command line alike, and nothing of the machine."""
    rows = {"a": {"options": ["INPUT.SIZE_TRAIN", "(64, 32)", "DATALOADER.NUM_WORKERS", 3]}}
    (run,) = write_study(tmp_path, rows).runs
    assert run.settings() == {"SOLVER.MAX_EPOCH": 7, "INPUT.SIZE_TRAIN": [64, 32]}


def test_a_row_may_evaluate_what_another_one_has_trained(tmp_path):
    rows = {
        "a": {"options": ["SOLVER.BASE_LR", 0.5]},
        "b": {"weights": "a", "options": ["TEST.RERANK.ENABLED", True]},
    }
    trains, evaluates = write_study(tmp_path, rows, seeds=[3], program=None).runs
    assert evaluates.weights == trains
    said = command(read_study(tmp_path / "study.yml"), evaluates)
    assert "--eval-only" in said
    assert "--resume" not in said
    assert said[said.index("MODEL.WEIGHTS") + 1] == str(trains.folder / "model_final.pth")
    # A change of what is trained is a change of what is evaluated.
    assert evaluates.settings() == {
        **{"TEST.RERANK.ENABLED": True, "SOLVER.MAX_EPOCH": 7},
        **{"SOLVER.MAX_EPOCH of its weights": 7, "SOLVER.BASE_LR of its weights": 0.5},
    }


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"sedes": [0]}, "a study has no key 'sedes' (did you mean 'seeds'?)"),
        ({"seeds": [0, 0]}, "named twice"),
        ({"seeds": ["one"]}, "seeds is ['one']: expected whole numbers"),
        ({"reference": "baselin"}, "there is no row 'baselin' (did you mean 'baseline'?)"),
        ({"options": ["SOLVER.MAX_EPOCH"]}, "expected KEY, VALUE"),
        ({"rows": {}}, "rows is {}: expected at least one name"),
        ({"rows": {"a": {"config": "none.yml"}}}, "config of row 'a': no file at"),
        ({"rows": {"../a": {"config": "own.yml"}}}, "row '../a' names a folder"),
        ({"rows": {"a": {"config": "own.yml", "seed": 1}}}, "row 'a' has no key 'seed'"),
        ({"checkpoints": "some"}, "checkpoints cannot be 'some'"),
        (
            {"rows": {"a": {"config": "own.yml", "weights": "a"}}},
            "weights of row 'a': no row before it trains under the name 'a'",
        ),
        (
            {"checkpoints": "none", "rows": {k: {"config": "own.yml", **v} for k, v in WITH_WEIGHTS.items()}},
            "checkpoints is none, and rows have weights of others: expected final or all",
        ),
    ],
)
def test_what_is_wrong_is_said(tmp_path, keys, said):
    with pytest.raises(ConfigError, match=re.escape(said)):
        write_study(tmp_path, {"baseline": {}}, **keys)


def test_a_file_that_is_no_study(tmp_path):
    with pytest.raises(ConfigError, match="no study at"):
        read_study(tmp_path / "none.yml")
    (tmp_path / "list.yml").write_text("[1, 2]")
    with pytest.raises(ConfigError, match="is list: expected keys"):
        read_study(tmp_path / "list.yml")
    study = write_study(tmp_path, {"baseline": {}})
    with pytest.raises(ConfigError, match="did you mean 'baseline'"):
        study.pick(["base-line"])
