"""Images of SynthPersons: pure functions of (seed, identity, camera, index)."""

import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool
from dataclasses import astuple, replace

import numpy as np
import pytest
from PIL import Image
from synth_persons import generate
from synth_persons.appearance import Appearance, appearance_of
from synth_persons.generate import draw_samples, write_set
from synth_persons.layout import plan
from synth_persons.photo import Shot, Subject, take
from synth_persons.preview import contact_sheet, main
from synth_persons.sets import SETS, SYNTH_PERSONS_XL_OTHER
from synth_persons.spec import SynthPersonsSpec

SPEC = SynthPersonsSpec(
    train_identities=8, test_identities=8, cameras=3, query_cameras=2, distractors=4, junk=3
)
FEW = {
    "train_identities": 1,
    "test_identities": 1,
    "cameras": 2,
    "query_cameras": 1,
    "distractors": 2,
    "junk": 1,
}


@pytest.mark.parametrize("subject", list(Subject))
def test_an_image_does_not_depend_on_what_was_drawn_before(subject: Subject) -> None:
    shot = Shot(3, 2, 1, subject)
    alone = take(SPEC, shot)
    for identity in range(1, 6):
        take(SPEC, Shot(identity, 1, 0))
    np.testing.assert_array_equal(take(SPEC, shot), alone)


@pytest.mark.parametrize("name", ["SynthPersons", "SynthPersonsXLOther"])
def test_another_process_draws_the_same_pixels(name: str) -> None:
    script = (
        "import sys; from synth_persons.photo import Shot, take;"
        "from synth_persons.sets import SETS;"
        f"sys.stdout.buffer.write(take(SETS[{name!r}], Shot(7, 4, 1)).tobytes())"
    )
    output = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}; {script}"],
        check=True,
        capture_output=True,
    ).stdout
    assert output == take(SETS[name], Shot(7, 4, 1)).tobytes()


@pytest.mark.parametrize("spec", [SPEC, replace(SYNTH_PERSONS_XL_OTHER, **FEW)], ids=lambda spec: spec.name)
def test_files_do_not_depend_on_the_number_of_workers(spec: SynthPersonsSpec, tmp_path) -> None:
    contents = []
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        folder.mkdir()
        write_set(folder, spec, workers=workers)
        contents.append({p.relative_to(folder): p.read_bytes() for p in folder.rglob("*.jpg")})
    assert contents[0] == contents[1]
    assert contents[0]


def test_drawing_goes_on_alone_when_the_workers_die(tmp_path, monkeypatch) -> None:
    def die(*arguments: object) -> None:
        raise BrokenProcessPool

    spec = replace(SPEC, height=16, width=8)
    monkeypatch.setattr(generate, "_write_in_parallel", die)
    write_set(tmp_path, spec, workers=2)
    assert len(list(tmp_path.rglob("*.jpg"))) == len(plan(spec))


def test_a_set_is_not_drawn_by_nobody(tmp_path) -> None:
    with pytest.raises(ValueError, match="workers is 0"):
        write_set(tmp_path, SPEC, workers=0)
    assert not list(tmp_path.iterdir())


def test_size_type_and_range() -> None:
    spec = replace(SPEC, height=64, width=32)
    image = take(spec, Shot(1, 1, 0))
    assert image.shape == (64, 32, 3)
    assert image.dtype == np.uint8
    assert image.std() > 10


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"cast_strength": 0.1},
        {"carried_probability": 1.0},
        {"surroundings": "park"},
        {"facings": (90.0,)},
        {"pitch_range": (0.4, 0.4)},
        {"coat_fraction": 1.0},
        {"long_sleeve_fraction": 0.0},
    ],
)
def test_seed_and_knobs_change_the_picture(change: dict) -> None:
    shot = Shot(2, 2, 0)
    assert (take(SPEC, shot) != take(replace(SPEC, **change), shot)).any()


def test_what_is_carried_comes_and_goes_between_images_of_a_person() -> None:
    spec = replace(SPEC, carried_probability=0.5)
    shots = [Shot(1, camera, index) for camera in (1, 2, 3) for index in range(8)]
    changed = [(take(spec, shot) != take(SPEC, shot)).any(axis=2) for shot in shots]
    carrying = [pixels for pixels in changed if pixels.any()]
    assert 6 <= len(carrying) <= 18
    assert all(0.01 < pixels.mean() < 0.4 for pixels in carrying)


def test_every_image_of_a_person_differs() -> None:
    samples = list(draw_samples(SPEC, (1, 2), (1, 2, 3), 2))
    assert [(s.identity, s.camera, s.index) for s in samples] == [
        (identity, camera, index) for identity in (1, 2) for camera in (1, 2, 3) for index in (0, 1)
    ]
    assert len({sample.image.tobytes() for sample in samples}) == 12


def _differences(first: Appearance, second: Appearance) -> int:
    def flat(person: Appearance) -> list:
        upper, lower = astuple(person.upper), astuple(person.lower)
        return [*astuple(replace(person, upper=upper, lower=lower))]

    pairs = [
        (x, y)
        for a, b in zip(flat(first), flat(second), strict=True)
        for x, y in (zip(a, b, strict=True) if isinstance(a, tuple) else [(a, b)])
    ]
    return sum(x != y for x, y in pairs)


def test_look_alikes_differ_from_the_first_of_their_group_in_one_detail() -> None:
    spec = replace(SPEC, look_alike_fraction=1.0, swapped_fraction=0.0)
    for first in range(1, 400, spec.group_size):
        leader = appearance_of(spec, first)
        for identity in range(first + 1, first + spec.group_size):
            assert _differences(leader, appearance_of(spec, identity)) == 1


def test_swapped_pairs_wear_the_same_colours_the_other_way_round() -> None:
    spec = replace(SPEC, look_alike_fraction=0.0, swapped_fraction=1.0)
    for first in range(1, 400, spec.group_size):
        one, other = appearance_of(spec, first), appearance_of(spec, first + 1)
        assert (one.upper.colour, one.upper.second) == (other.lower.colour, other.lower.second)
        assert (one.lower.colour, one.lower.second) == (other.upper.colour, other.upper.second)
        assert (one.hair, one.bag, one.shoes) == (other.hair, other.bag, other.shoes)


def test_no_two_people_of_the_default_set_look_the_same() -> None:
    spec = SynthPersonsSpec()
    people = [appearance_of(spec, i + 1) for i in range(spec.train_identities + spec.test_identities)]
    assert len(set(people)) == len(people)


@pytest.mark.parametrize(
    ("shot", "message"),
    [(Shot(0, 1, 0), "identity is 0"), (Shot(1, 0, 0), "camera is 0"), (Shot(1, 4, 0), "1 to 3")],
)
def test_numbers_out_of_range_are_refused(shot: Shot, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        take(SPEC, shot)


@pytest.mark.parametrize(
    "field",
    [
        {"seed": -1},
        {"cameras": 0},
        {"query_cameras": 9},
        {"look_alike_fraction": 1.5},
        {"cast_strength": 1.0},
        {"gamma_range": (2.0, 1.0)},
        {"noise_range": (-1.0, 1.0)},
        {"test_identities": 0},
        {"surroundings": "sea"},
        {"facings": ()},
        {"carried_probability": 2.0},
    ],
)
def test_a_bad_knob_is_named(field: dict) -> None:
    with pytest.raises(ValueError, match=r"SynthPersonsSpec\."):
        SynthPersonsSpec(**field)


def test_contact_sheet_has_a_cell_per_identity_and_camera() -> None:
    spec = replace(SPEC, height=64, width=32)
    sheet = contact_sheet(spec, [1, 2], images_per_camera=2, magnification=1)
    assert sheet.width >= 6 * 32
    assert sheet.height >= 2 * 64
    with pytest.raises(ValueError, match="at least one identity"):
        contact_sheet(spec, [])


def test_preview_writes_a_sheet(tmp_path, capsys) -> None:
    file = tmp_path / "sheet.png"
    main(["--output", str(file), "--rows", "1", "--images-per-camera", "1"])
    assert "pixels" in capsys.readouterr().out
    with Image.open(file) as sheet:
        assert sheet.width >= SynthPersonsSpec().cameras * SynthPersonsSpec().width


def test_the_package_stands_alone() -> None:
    script = (
        "import sys, synth_persons.preview, synth_persons.cache;"
        "sys.exit(bool({'mdpr', 'fastreid', 'torch'} & set(sys.modules)))"
    )
    code = f"import sys; sys.path[:] = {sys.path!r}; {script}"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
