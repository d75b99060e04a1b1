"""Whatever lies under the path: read safely, or refused with a message that helps."""

import os
import pickle

import numpy as np
import pytest
import torch
from mdpr.checkpoint import read_checkpoint, state_dict_of
from mdpr.errors import CheckpointError
from safetensors.torch import save_file

WEIGHTS = {"layer.weight": torch.arange(300 * 300).reshape(300, 300).float()}


class RunsCode:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch {self.target}",)


@pytest.fixture
def whole(tmp_path):
    path = tmp_path / "whole.pth"
    torch.save({"model": WEIGHTS, "epoch": 3, "metric": np.float64(0.5)}, path)
    return path


def test_whole_file(whole):
    content = read_checkpoint(whole)
    assert content["epoch"] == 3
    assert content["metric"] == 0.5
    assert torch.equal(state_dict_of(content, whole)["layer.weight"], WEIGHTS["layer.weight"])


def test_safetensors(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file(WEIGHTS, path)
    assert torch.equal(read_checkpoint(path)["layer.weight"], WEIGHTS["layer.weight"])


@pytest.mark.parametrize("old_format", [False, True])
def test_code_is_refused_and_not_run(tmp_path, old_format):
    target, path = tmp_path / "created", tmp_path / "bad.pth"
    torch.save({"model": RunsCode(target)}, path, _use_new_zipfile_serialization=not old_format)
    with pytest.raises(CheckpointError, match=r"bad.pth was not loaded.*run code.*system"):
        read_checkpoint(path)
    assert not target.exists()


def test_plain_pickle_with_code_is_refused_and_not_run(tmp_path):
    target, path = tmp_path / "created", tmp_path / "bad.pth"
    path.write_bytes(pickle.dumps({"model": RunsCode(target)}))
    with pytest.raises(CheckpointError, match="was not loaded"):
        read_checkpoint(path)
    assert not target.exists()


def test_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no weight file at .*nothing.pth"):
        read_checkpoint(tmp_path / "nothing.pth")


def test_folder(tmp_path):
    with pytest.raises(CheckpointError, match="is a folder"):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_empty(tmp_path, suffix):
    path = tmp_path / f"empty.{suffix}"
    path.touch()
    with pytest.raises(CheckpointError, match=r"is empty \(0 bytes\)"):
        read_checkpoint(path)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.999])
def test_truncated(whole, share):
    content = whole.read_bytes()
    whole.write_bytes(content[: int(share * len(content))])
    with pytest.raises(CheckpointError, match="truncated"):
        read_checkpoint(whole)


def test_truncated_safetensors(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file(WEIGHTS, path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="no readable SafeTensors file"):
        read_checkpoint(path)


def test_truncated_old_format(tmp_path):
    path = tmp_path / "old.pth"
    torch.save(WEIGHTS, path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(CheckpointError, match="is damaged"):
        read_checkpoint(path)


def test_flipped_bits(whole):
    content = bytearray(whole.read_bytes())
    content[len(content) // 2] ^= 0xFF
    whole.write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged"):
        read_checkpoint(whole)


def test_text(tmp_path):
    path = tmp_path / "page.pth"
    path.write_text("<html>404</html>")
    with pytest.raises(CheckpointError, match=r"not a PyTorch checkpoint.*download page"):
        read_checkpoint(path)


def test_wrong_type(tmp_path):
    path = tmp_path / "tensor.pth"
    torch.save(torch.ones(3), path)
    with pytest.raises(CheckpointError, match="holds a Tensor: expected a dict"):
        read_checkpoint(path)


@pytest.mark.parametrize("content", [{"model": {"epoch": 3}}, {"epoch": 3}, {"model": {}}])
def test_no_state_dict(tmp_path, content):
    path = tmp_path / "numbers.pth"
    torch.save(content, path)
    with pytest.raises(CheckpointError, match="holds no state dict"):
        state_dict_of(read_checkpoint(path), path)
