from pathlib import Path

import pytest
from mdpr.engine.resume.output_dir import set_aside_previous_run


def fill(folder, *names):
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_text(name)


def test_a_finished_run_is_kept(tmp_path):
    run = tmp_path / "run"
    fill(run, "model_final.pth", "last_checkpoint", "log.txt", "results.json", "notes.md")
    target = set_aside_previous_run(run)
    assert target is not None
    assert target.parent == run / "previous"
    moved = {"model_final.pth", "last_checkpoint", "log.txt", "results.json"}
    assert {p.name for p in target.iterdir()} == moved
    assert all((target / name).read_text() == name for name in moved)
    assert (run / "notes.md").exists()  # not written by a run: the user's own
    assert not (run / "last_checkpoint").exists()


def test_two_runs_in_one_second_do_not_meet(tmp_path):
    targets = set()
    for _ in range(3):
        fill(tmp_path, "last_checkpoint", "model_final.pth")
        targets.add(set_aside_previous_run(tmp_path))
    assert len(targets) == 3
    assert all((target / "model_final.pth").exists() for target in targets)


def test_a_checkpoint_that_nothing_names_is_kept(tmp_path):
    fill(tmp_path, "model_0000.pth", "log.txt", "weights.pth")
    target = set_aside_previous_run(tmp_path)
    assert (target / "model_0000.pth").read_text() == "model_0000.pth"
    assert not list(tmp_path.glob("*.*"))


def test_interrupted_while_setting_aside(tmp_path, monkeypatch):
    names = {"log.txt", "metrics.json", "model_final.pth", "last_checkpoint"}
    fill(tmp_path, *names)
    rename, renamed = Path.rename, []

    def fail_at_the_third(path, target):
        if len(renamed) == 2:
            raise OSError
        renamed.append(path)
        return rename(path, target)

    with monkeypatch.context() as patch, pytest.raises(OSError):
        patch.setattr(Path, "rename", fail_at_the_third)
        set_aside_previous_run(tmp_path)
    set_aside_previous_run(tmp_path)
    assert {path.name for path in tmp_path.glob("previous/*/*")} == names


def test_nothing_to_keep(tmp_path):
    assert set_aside_previous_run(tmp_path / "not there") is None
    fill(tmp_path, "log.txt")  # a run that died before its first checkpoint
    assert set_aside_previous_run(tmp_path) is None
    assert (tmp_path / "log.txt").exists()
