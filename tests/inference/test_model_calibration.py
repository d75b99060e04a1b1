"""``mdpr calibrate`` and ``mdpr compare``: with a stand-in that reads features, and once with a network."""

import dataclasses
import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mdpr.cli import compare
from mdpr.cli.main import main
from mdpr.engine.network import build_network
from mdpr.errors import EvaluationError
from mdpr.inference import model_calibration
from mdpr.inference.calibration import Calibration, calibrate
from mdpr.inference.decisions import decide
from mdpr.inference.embedder import Embedder
from mdpr.inference.model_calibration import calibrate_model
from mdpr.inference.packing import pack
from mdpr.inference.sources import from_config
from PIL import Image
from support.configs import ONE_BRANCH, tiny_config
from support.identities import DIMENSION, draw_people
from support.miniatures import Shape, make_image_folder


class StandInEmbedder:
    """Reads the feature of an image from its file."""

    def __init__(self, path):
        stored = json.loads(Path(path).read_text())["calibration"]
        self.calibration = stored and Calibration.from_dict(stored)

    from_file = classmethod(lambda cls, path: cls(path))

    def batches(self, images):
        for image in images:
            yield np.array([json.loads(Path(image).read_text())], dtype=np.float32)

    def same_person(self, first, second):
        one, two = np.concatenate(list(self.batches([first, second])))
        return decide(one @ two / np.linalg.norm(one) / np.linalg.norm(two), self.calibration)


@pytest.fixture
def model(tmp_path, monkeypatch):
    def update(path, **changes):
        Path(path).write_text(json.dumps({**json.loads(Path(path).read_text()), **changes}))

    def read(path):
        return SimpleNamespace(metadata=json.loads(Path(path).read_text()))

    monkeypatch.setattr(model_calibration, "Embedder", StandInEmbedder)
    monkeypatch.setattr(model_calibration, "update_metadata", update)
    monkeypatch.setattr(model_calibration, "read_model_file", read)
    monkeypatch.setattr(compare, "Embedder", StandInEmbedder)
    path = tmp_path / "model.json"
    path.write_text(json.dumps({"dimension": DIMENSION, "fingerprint": "f00d" * 16, "calibration": None}))
    return path


@pytest.fixture
def people():
    features, person = draw_people(0, num_people=30)
    camera = np.random.default_rng(2).integers(0, 3, len(person))
    return features, person, camera


def write_images(folder, features, *labels):
    for index, (feature, *names) in enumerate(zip(features, *labels, strict=True)):
        path = folder.joinpath(*(f"{name:>03}" for name in names), f"{index:03}.jpg")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(feature.tolist()))


@pytest.mark.parametrize("with_cameras", [False, True])
def test_a_file_of_features_gives_what_its_arrays_give(tmp_path, people, with_cameras):
    features, person, camera = people
    labels = {"person": person, **({"camera": camera} if with_cameras else {})}
    np.savez(tmp_path / "features.npz", features=features, **labels, anything_else=np.zeros(3))
    expected = calibrate(features, person, labels.get("camera"), false_match_rate=0.01)
    assert calibrate_model(tmp_path / "features.npz", false_match_rate=0.01) == (expected, None)


def test_junk_and_distractors_are_left_out(tmp_path, people):
    features, person, camera = people
    person[:3], person[10:20] = -1, 999
    is_query = (np.arange(len(person)) % 5 == 4) & (person != 999)
    np.savez(tmp_path / "f.npz", features=features, person=person, camera=camera, is_query=is_query)
    known = (person != -1) & (person != 999)
    expected = calibrate(features[known], person[known], camera[known], false_match_rate=0.01)
    assert calibrate_model(tmp_path / "f.npz", false_match_rate=0.01)[0] == expected


def test_folders_of_people_give_what_their_features_give(tmp_path, model, people):
    features, person, camera = people
    write_images(tmp_path / "plain", features, person)
    found, replaced = calibrate_model(tmp_path / "plain", model, false_match_rate=0.01)
    assert found == calibrate(features, person, false_match_rate=0.01)
    assert replaced is None
    assert Calibration.from_dict(json.loads(model.read_text())["calibration"]) == found

    split = np.where(np.arange(len(person)) % 5 == 0, "query", "gallery")
    write_images(tmp_path / "set", features, split, person, camera)
    write_images(tmp_path / "set/train", features[:9], person[:9])
    write_images(tmp_path / "set/gallery", features[:9], ["nobody"] * 9)
    again, replaced = calibrate_model(tmp_path / "set", model, false_match_rate=0.01)
    assert again == calibrate(features, person, camera, false_match_rate=0.01)
    assert replaced == found


def test_a_folder_of_another_form_is_refused(tmp_path, model):
    (tmp_path / "empty").mkdir()
    write_images(tmp_path / "flat", np.zeros((1, 3)))
    for folder, message in (("empty", "holds no image"), ("flat", "000.jpg: it lies 0 folders under flat/")):
        with pytest.raises(Exception, match=message):
            calibrate_model(tmp_path / folder, model)
    with pytest.raises(EvaluationError, match="--model must name"):
        calibrate_model(tmp_path / "flat")


def test_features_of_another_model_are_refused_and_nothing_is_stored(tmp_path, model, people):
    features, person, _ = people
    before = model.read_text()
    np.savez(tmp_path / "other.npz", features=features, person=person, fingerprint=np.array("beef" * 16))
    np.savez(tmp_path / "short.npz", features=features[:, :9], person=person)
    for name, message in (
        ("other", "fingerprint (beef)+, not 24 and (f00d)+"),
        ("short", "dimension 9"),
    ):
        with pytest.raises(EvaluationError, match=message):
            calibrate_model(tmp_path / f"{name}.npz", model, false_match_rate=0.01)
    assert model.read_text() == before
    np.savez(tmp_path / "own.npz", features=features, person=person, fingerprint=np.array("f00d" * 16))
    calibrate_model(tmp_path / "own.npz", model, false_match_rate=0.01)


def test_the_commands(tmp_path, model, people, capsys):
    features, person, _ = people
    write_images(tmp_path / "people", features, person)
    one, two = (str(tmp_path / "people" / name) for name in ("000/000.jpg", "001/005.jpg"))

    assert main(["compare", one, two, "--model", str(model)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("similarity ")
    assert "the model has no calibration" in printed
    assert "is_same" not in printed

    arguments = [str(tmp_path / "people"), "--model", str(model), "--json", str(tmp_path / "out.json")]
    assert main(["calibrate", *arguments, "--false-match-rate", "0.01"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"num_identities +30\n.*num_different_pairs +10875\n", printed, re.DOTALL)
    found = Calibration.from_dict(json.loads((tmp_path / "out.json").read_text()))
    assert f"{round(found.threshold, 8)}\n" in printed

    assert main(["compare", one, one, "--model", str(model), "--json"]) == 0
    decision = json.loads(capsys.readouterr().out)
    assert decision["similarity"] == pytest.approx(1)
    assert decision["is_same"] is True
    assert (decision["threshold"], decision["false_match_rate"]) == (found.threshold, 0.01)
    assert main(["compare", one, two, "--model", str(model)]) == 0
    assert re.search("is_same +False\n", capsys.readouterr().out)

    assert main(["calibrate", *arguments, "--false-match-rate", "0.02"]) == 0
    assert f"Replaced in {model}: {json.dumps(found.as_dict())}" in capsys.readouterr().out
    assert main(["calibrate", *arguments, "--false-match-rate", "1e-6"]) == 1
    assert capsys.readouterr().err.startswith("error: false_match_rate is 1e-06: that is 0.011 of the")


def test_a_model_file_goes_all_the_way(tmp_path, capsys):
    torch.manual_seed(0)
    cfg = tiny_config(*ONE_BRANCH)
    file = tmp_path / "model.safetensors"
    pack(from_config(cfg, build_network(cfg)), file)
    folder = make_image_folder(tmp_path, Shape(train_identities=0, test_identities=20, images=2))
    one, two = (
        str(folder / "query" / name) for name in ("person1/camera1/1_0.jpg", "person7/camera2/2_0.jpg")
    )

    assert main(["calibrate", str(folder), "--model", str(file), "--false-match-rate", "0.02"]) == 0
    embedder = Embedder.from_file(file)
    found = embedder.calibration
    assert f"{round(found.threshold, 8)}\n" in capsys.readouterr().out
    paths = sorted([*folder.glob("query/*/*/*"), *folder.glob("gallery/*/*/*")])
    expected = calibrate(
        embedder(paths),
        np.array([int(path.parts[-3].removeprefix("person")) for path in paths]),
        np.array([int(path.stem[0]) for path in paths]),
        false_match_rate=0.02,
    )
    assert found.threshold == pytest.approx(expected.threshold, abs=1e-5)
    assert found.achieved_false_match_rate == pytest.approx(expected.achieved_false_match_rate, rel=0.02)

    decision = embedder.same_person(one, np.asarray(Image.open(two)))
    assert main(["compare", one, two, "--model", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == pytest.approx(dataclasses.asdict(decision))
    assert main(["describe", str(file)]) == 0
    assert f"{found.threshold:.6g}" in capsys.readouterr().out
