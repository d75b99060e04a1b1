"""The larger sets: what their names promise."""

import json

import pytest
from support.configs import ROOT
from synth_persons.appearance import appearance_of
from synth_persons.cache import set_folder
from synth_persons.camera import Camera, camera_of
from synth_persons.layout import QUERY, plan
from synth_persons.sets import (
    LADDER,
    LEVEL,
    SETS,
    SYNTH_PERSONS,
    SYNTH_PERSONS_XL,
    SYNTH_PERSONS_XL_OTHER,
    at_level,
)
from synth_persons.spec import SynthPersonsSpec

LARGE = (SYNTH_PERSONS_XL, SYNTH_PERSONS_XL_OTHER)


def test_the_first_set_is_that_of_the_default_knobs() -> None:
    assert SynthPersonsSpec() == SYNTH_PERSONS
    assert list(SETS) == ["SynthPersons", "SynthPersonsXL", "SynthPersonsXLOther"]


@pytest.mark.parametrize("spec", LARGE, ids=lambda spec: spec.name)
def test_sizes(spec: SynthPersonsSpec, tmp_path) -> None:
    entries = plan(spec)
    queries = [entry for entry in entries if entry.folder == QUERY]
    assert len({(entry.folder, entry.name) for entry in entries}) == len(entries)
    assert len({entry.label for entry in queries}) >= 300
    assert len(queries) >= 1500
    assert {entry.shot.camera for entry in queries} == set(range(1, 9))
    # No group of look-alikes straddles the splits.
    assert spec.train_identities % spec.group_size == spec.test_identities % spec.group_size == 0
    assert set_folder(tmp_path, spec).name.startswith(f"{spec.name}-v1-")


def test_hardness_is_the_level_that_the_rule_chose() -> None:
    figures = json.loads((ROOT / "docs/synth_persons_xl_benchmark.json").read_text())
    goal = figures["easier"] / 2
    assert next(level for level, score in enumerate(figures["ladder"]) if level and score < goal) == LEVEL
    assert at_level(LEVEL) == SYNTH_PERSONS_XL
    for knobs in LADDER[1:]:
        assert 0.2 <= knobs["look_alike_fraction"] <= 0.5
        assert 0.3 <= knobs["occlusion_probability"] <= 0.5
        assert 0.2 <= knobs["carried_probability"] <= 0.5


def test_no_one_is_in_both_sets() -> None:
    people = [
        appearance_of(spec, identity + 1)
        for spec in LARGE
        for identity in range(spec.train_identities + spec.test_identities)
    ]
    assert len(set(people)) == len(people)


def test_the_twins_cameras_are_beside_the_ranges_of_the_first() -> None:
    ours, others = ([camera_of(spec, number) for number in range(1, 9)] for spec in LARGE)

    def cast(camera: Camera) -> float:
        return max(abs(gain - 1) for gain in camera.gain)

    assert max(map(cast, ours)) < min(map(cast, others))
    assert max(camera.gamma for camera in ours) < min(camera.gamma for camera in others)
    assert min(camera.contrast for camera in ours) > max(camera.contrast for camera in others)
    assert max(camera.pitch for camera in ours) < min(camera.pitch for camera in others)
    assert not {camera.yaw for camera in ours} & {camera.yaw for camera in others}
