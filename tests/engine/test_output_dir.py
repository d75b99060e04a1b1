from mdpr.engine.output_dir import set_aside_previous_run


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


def test_nothing_to_keep(tmp_path):
    assert set_aside_previous_run(tmp_path / "not there") is None
    fill(tmp_path, "log.txt")  # a run that died before its first checkpoint
    assert set_aside_previous_run(tmp_path) is None
    assert (tmp_path / "log.txt").exists()
