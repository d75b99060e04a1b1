"""One file that a model travels in: what it says, and how damage to it is told."""

import json

import pytest
import safetensors
import safetensors.torch
import torch
from mdpr.errors import CheckpointError
from mdpr.inference.model_file import (
    fingerprint_of,
    read_model_file,
    update_metadata,
    write_model_file,
)

WEIGHTS = {"b": torch.arange(6.0).reshape(2, 3), "a": torch.tensor([1, 2], dtype=torch.int64)}


@pytest.fixture
def path(tmp_path):
    write_model_file(tmp_path / "model.safetensors", WEIGHTS, {"dimension": 3, "licence": "MIT"})
    return tmp_path / "model.safetensors"


def test_any_safetensors_reader_reads_it(path):
    tensors = safetensors.torch.load_file(path)
    assert set(tensors) == set(WEIGHTS)
    for name, weight in WEIGHTS.items():
        assert torch.equal(tensors[name], weight)
    with safetensors.safe_open(path, "pt") as file:
        assert json.loads(file.metadata()["mdpr"])["dimension"] == 3


def test_what_was_written_is_read(path):
    file = read_model_file(path)
    assert file.metadata == {"dimension": 3, "licence": "MIT", "format": 1}
    assert all(torch.equal(weight, WEIGHTS[name]) for name, weight in file.weights().items())


def test_metadata_can_be_changed_and_weights_stay(path):
    before = read_model_file(path)
    update_metadata(path, licence="Apache-2.0", calibration={"threshold": 0.5})
    after = read_model_file(path)
    assert after.metadata == {
        "dimension": 3,
        "licence": "Apache-2.0",
        "calibration": {"threshold": 0.5},
        "format": 1,
    }
    assert after.checksum != before.checksum
    assert all(torch.equal(weight, WEIGHTS[name]) for name, weight in after.weights().items())
    assert sorted(path.parent.iterdir()) == [path]


def test_every_changed_byte_is_found(path):
    content = path.read_bytes()
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1
        path.write_bytes(changed)
        with pytest.raises(CheckpointError):
            read_model_file(path).weights()
    path.write_bytes(content)
    read_model_file(path).verify()


@pytest.mark.parametrize("length", [0, 7, 60, -1])
def test_a_part_of_a_file_is_no_file(path, length):
    content = path.read_bytes()
    path.write_bytes(content[:length])
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        read_model_file(path)


def test_more_than_a_file_is_no_file(path):
    size = path.stat().st_size
    with path.open("ab") as file:
        file.write(b"more")
    with pytest.raises(CheckpointError, match=f"has {size + 4} bytes and should have {size}"):
        read_model_file(path)
    with pytest.raises(CheckpointError):
        update_metadata(path, licence="MIT")


def test_other_files_are_refused_by_name(path, tmp_path):
    with pytest.raises(FileNotFoundError, match="no model file at"):
        read_model_file(tmp_path / "missing.safetensors")
    with pytest.raises(CheckpointError, match="is a folder"):
        read_model_file(tmp_path)
    safetensors.torch.save_file(WEIGHTS, tmp_path / "bare.safetensors")
    with pytest.raises(CheckpointError, match="has weights alone: expected a model file, as `mdpr pack"):
        read_model_file(tmp_path / "bare.safetensors")


def test_a_later_format_is_refused(path, monkeypatch):
    monkeypatch.setattr("mdpr.inference.model_file.FORMAT", 2)
    with pytest.raises(CheckpointError, match="is of format 1: this version reads format 2"):
        read_model_file(path)


def test_damage_is_not_vouched_for(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="is not what was written"):
        update_metadata(path, licence="MIT")
    assert path.read_bytes() == content


def test_fingerprints_depend_on_values_and_preprocessing_alone():
    images = {"size": [64, 32]}
    known = fingerprint_of(WEIGHTS, images)
    assert fingerprint_of(dict(reversed(WEIGHTS.items())), images) == known
    channels_last = {**WEIGHTS, "b": WEIGHTS["b"].t().contiguous().t()}
    assert fingerprint_of(channels_last, images) == known
    assert fingerprint_of({**WEIGHTS, "a": torch.tensor([1, 3])}, images) != known
    assert fingerprint_of(WEIGHTS, {"size": [96, 32]}) != known
    assert fingerprint_of({**WEIGHTS, "b": WEIGHTS["b"].reshape(3, 2)}, images) != known
