"""SynthPersons on disk: the layout, and that it is there wholly or not at all."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from synth_persons import cache
from synth_persons.cache import MANIFEST, ensure_set, set_folder
from synth_persons.layout import FOLDERS, GALLERY, QUERY, TRAIN, plan
from synth_persons.photo import Subject
from synth_persons.spec import SynthPersonsSpec

SPEC = SynthPersonsSpec(
    train_identities=4,
    test_identities=4,
    cameras=2,
    query_cameras=1,
    distractors=4,
    junk=2,
    height=64,
    width=32,
)


def test_names_are_unique_and_splits_disjoint() -> None:
    spec = SynthPersonsSpec()
    entries = plan(spec)
    assert len({(entry.folder, entry.name) for entry in entries}) == len(entries)
    assert len({entry.shot for entry in entries}) == len(entries)
    people = {f: {e.label for e in entries if e.folder == f and e.label > 0} for f in FOLDERS}
    assert people[QUERY] == people[GALLERY]
    assert not people[TRAIN] & people[GALLERY]
    assert len(people[TRAIN]) >= 60
    tested = sum(entry.folder in (QUERY, GALLERY) for entry in entries)
    assert tested <= 1500


def test_every_query_has_matches_in_other_cameras() -> None:
    entries = plan(SynthPersonsSpec())
    seen = {(e.label, e.shot.camera) for e in entries if e.folder == GALLERY}
    for query in (entry for entry in entries if entry.folder == QUERY):
        others = {camera for label, camera in seen if label == query.label}
        assert others - {query.shot.camera}


def test_junk_and_distractors() -> None:
    spec = SynthPersonsSpec()
    entries = plan(spec)
    known = {entry.shot.identity for entry in entries if entry.label > 0}
    junk = [entry for entry in entries if entry.label == -1]
    distractors = [entry for entry in entries if entry.label == 0]
    assert len(junk) == spec.junk
    assert len(distractors) == spec.distractors
    assert all(entry.name.startswith("-1_c") for entry in junk)
    assert all(entry.name.startswith("0000_c") for entry in distractors)
    assert all(entry.shot.subject is Subject.FRAGMENT for entry in junk)
    assert {entry.shot.identity for entry in junk} <= known
    assert not {entry.shot.identity for entry in distractors} & known
    subjects = Counter(entry.shot.subject for entry in distractors)
    assert set(subjects) == {Subject.PERSON, Subject.NOBODY}


def test_more_cameras_than_a_file_name_holds() -> None:
    with pytest.raises(ValueError, match="one digit"):
        plan(replace(SPEC, cameras=10))


def test_a_drawn_set_is_complete_and_not_drawn_again(tmp_path: Path, monkeypatch) -> None:
    root = tmp_path / "not" / "there yet"
    folder = ensure_set(root, SPEC)
    names = {f"{entry.folder}/{entry.name}" for entry in plan(SPEC)}
    assert {str(path.relative_to(folder)) for path in folder.rglob("*.jpg")} == names
    assert list(root.iterdir()) == [folder]

    monkeypatch.setattr(cache, "write_set", None)
    assert ensure_set(root, SPEC) == folder


def test_the_default_set_stays_where_it_was_drawn(tmp_path: Path) -> None:
    assert set_folder(tmp_path, SynthPersonsSpec()).name == "SynthPersons-v1-71bbaf75"


def test_another_spec_or_version_has_a_folder_of_its_own(tmp_path: Path, monkeypatch) -> None:
    folders = {set_folder(tmp_path, SPEC), set_folder(tmp_path, replace(SPEC, seed=1))}
    monkeypatch.setattr(cache, "GENERATOR_VERSION", cache.GENERATOR_VERSION + 1)
    folders.add(set_folder(tmp_path, SPEC))
    assert len(folders) == 3


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_an_error_while_drawing_leaves_nothing(tmp_path: Path, monkeypatch, error) -> None:
    def fail(folder: Path, spec: SynthPersonsSpec, *, workers: int | None) -> None:
        (folder / TRAIN).mkdir()
        raise error

    monkeypatch.setattr(cache, "write_set", fail)
    with pytest.raises(error):
        ensure_set(tmp_path, SPEC)
    assert list(tmp_path.iterdir()) == []


def _start(root: Path, spec: SynthPersonsSpec) -> subprocess.Popen:
    script = (
        f"import sys; sys.path[:] = {sys.path!r};"
        "from synth_persons.cache import ensure_set;"
        "from synth_persons.spec import SynthPersonsSpec;"
        f"ensure_set({str(root)!r}, {spec!r}, workers=1)"
    )
    return subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE)


def test_a_killed_drawing_is_not_mistaken_for_a_set(tmp_path: Path) -> None:
    spec = replace(SPEC, train_identities=400)
    process = _start(tmp_path, spec)
    deadline = time.monotonic() + 30
    while not list(tmp_path.rglob("*.jpg")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert list(tmp_path.glob(".*.partial"))
    assert not set_folder(tmp_path, spec).exists()


def test_two_processes_at_once_both_end_with_the_whole_set(tmp_path: Path) -> None:
    processes = [_start(tmp_path, SPEC) for _ in range(2)]
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors.decode()
    assert list(tmp_path.iterdir()) == [set_folder(tmp_path, SPEC)]
    ensure_set(tmp_path, SPEC)


def test_the_loser_of_a_race_uses_the_winners_set(tmp_path: Path, monkeypatch) -> None:
    draw = cache.write_set

    def overtaken(folder: Path, spec: SynthPersonsSpec, *, workers: int | None) -> None:
        draw(folder, spec, workers=workers)
        monkeypatch.setattr(cache, "write_set", draw)
        ensure_set(tmp_path, spec)

    monkeypatch.setattr(cache, "write_set", overtaken)
    folder = ensure_set(tmp_path, SPEC)
    assert list(tmp_path.iterdir()) == [folder]


def test_only_old_leftovers_of_the_same_set_are_removed(tmp_path: Path) -> None:
    name = set_folder(tmp_path, SPEC).name
    old, fresh, foreign = (
        tmp_path / part for part in (f".{name}.a.partial", f".{name}.b.partial", ".other.a.partial")
    )
    for folder in (old, fresh, foreign):
        (folder / TRAIN).mkdir(parents=True)
    for path in (old / TRAIN, old, foreign / TRAIN, foreign):
        os.utime(path, (0, 0))
    ensure_set(tmp_path, SPEC)
    assert not old.exists()
    assert fresh.exists()
    assert foreign.exists()


def test_damage_is_reported_and_nothing_deleted(tmp_path: Path) -> None:
    folder = ensure_set(tmp_path, SPEC)
    next((folder / QUERY).iterdir()).unlink()
    with pytest.raises(RuntimeError, match=r"holds 3 images, but should hold 4.*Move this folder"):
        ensure_set(tmp_path, SPEC)

    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**manifest, "version": -1}))
    with pytest.raises(RuntimeError, match="describes another set"):
        ensure_set(tmp_path, SPEC)

    (folder / MANIFEST).unlink()
    with pytest.raises(RuntimeError, match="no readable manifest"):
        ensure_set(tmp_path, SPEC)
    assert list((folder / GALLERY).iterdir())
