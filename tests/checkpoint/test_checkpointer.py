"""Checkpoints of a run: whole, and honest about what was loaded."""

import logging
from io import FileIO

import numpy as np
import pytest
import torch
from fastreid.modeling.meta_arch import build_model
from mdpr.checkpoint import to_official_state_dict
from mdpr.checkpoint.checkpointer import SafeCheckpointer
from mdpr.errors import CheckpointError
from safetensors.torch import save_file
from support.configs import tiny_config


@pytest.fixture(scope="module")
def model():
    return build_model(tiny_config())


def equal(one, other):
    return all(torch.equal(a, b) for a, b in zip(
        one.state_dict().values(), other.state_dict().values(), strict=True))  # fmt: skip


def test_round_trip_with_state(tmp_path, model):
    optimizer = torch.optim.Adam(model.parameters())
    SafeCheckpointer(model, str(tmp_path), optimizer=optimizer).save(
        "model_0000", epoch=0, metric=np.float64(12.5)
    )
    assert (tmp_path / "last_checkpoint").read_text() == "model_0000.pth"
    torch.manual_seed(1)
    other = build_model(tiny_config())
    assert not equal(model, other)
    checkpointer = SafeCheckpointer(other, str(tmp_path), optimizer=torch.optim.Adam(other.parameters()))
    beside = checkpointer.resume_or_load("", resume=True)
    assert equal(model, other)
    assert beside["epoch"] == 0
    assert type(beside["metric"]) is float


@pytest.mark.parametrize("form", ["official", "later", "bare", "safetensors", "data parallel"])
def test_every_form_of_weights(tmp_path, model, form):
    weights = model.state_dict()
    path = tmp_path / "weights.pth"
    if form in ("official", "later"):
        weights = to_official_state_dict(weights, later_variant=form == "later")
        torch.save({"model": weights, "iteration": 7}, path)
    elif form == "safetensors":
        path = path.with_suffix(".safetensors")
        save_file({name: t.contiguous() for name, t in weights.items()}, path)
    else:
        prefix = "module." if form == "data parallel" else ""
        torch.save({prefix + name: t for name, t in weights.items()}, path)
    other = build_model(tiny_config())
    SafeCheckpointer(other).load(str(path))
    assert equal(model, other)


def test_official_file_is_one_log_line(tmp_path, model, caplog):
    path = tmp_path / "official.pth"
    torch.save({"model": to_official_state_dict(model.state_dict())}, path)
    with caplog.at_level(logging.INFO):
        SafeCheckpointer(model).load(str(path))
    assert len([r for r in caplog.records if "authors' release" in r.message]) == 1


def test_evaluation_without_identities_leaves_classifiers_out(tmp_path, model, caplog):
    SafeCheckpointer(model, str(tmp_path)).save("model_final")
    evaluated = build_model(tiny_config("MODEL.HEADS.NUM_CLASSES", 0))
    with caplog.at_level(logging.INFO):
        SafeCheckpointer(evaluated).load(str(tmp_path / "model_final.pth"))
    assert "8 classifiers left out" in caplog.text
    assert "incompatible" not in caplog.text
    images = torch.rand(2, 3, 64, 32) * 255
    with torch.no_grad():
        assert torch.equal(evaluated.eval()(images), model.eval()(images))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("MODEL.MDPR.EMBEDDING_DIM", 8),
            r"EMBEDDING_DIM is 8 in the config and 16 in the weights .*of another shape",
        ),
        (("MODEL.MDPR.NUM_PARTS", 4), r"NUM_PARTS is 4 in the config and 2 in the weights"),
        (("MODEL.MDPR.NUM_PARTS", 1), r"NUM_PARTS is 1 .*unknown to the model"),
        (
            ("MODEL.BACKBONE.WITH_IBN", True),
            r"WITH_IBN is True in the config and False in the weights",
        ),
        (("MODEL.HEADS.NUM_CLASSES", 5), r"NUM_CLASSES is 5 in the config and 4 in the weights"),
    ],
    ids=str,
)
def test_weights_of_another_config_are_an_error(tmp_path, model, options, message):
    SafeCheckpointer(model, str(tmp_path)).save("model_final")
    other = build_model(tiny_config(*options))
    with pytest.raises(CheckpointError, match=message):
        SafeCheckpointer(other).load(str(tmp_path / "model_final.pth"))


def test_missing_file_is_named(tmp_path, model):
    with pytest.raises(CheckpointError, match=r"no checkpoint at .*none.pth"):
        SafeCheckpointer(model).load(str(tmp_path / "none.pth"))


def test_interrupted_save_leaves_the_last_one(tmp_path, model, monkeypatch):
    checkpointer = SafeCheckpointer(model, str(tmp_path))
    checkpointer.save("model_0000", epoch=0)
    whole = (tmp_path / "model_0000.pth").read_bytes()

    write = FileIO.write

    def fill_up(self, data):
        if self.tell() > 2**20:
            raise OSError(28, "No space left on device")
        return write(self, data)

    class FullDisk(FileIO):
        """A file on a disk with room for 1 MiB."""

        write = fill_up

    monkeypatch.setattr("os.fdopen", FullDisk)
    for name in ("model_0001", "model_0000"):
        with pytest.raises(CheckpointError, match=r"model_000\d.pth could not be written .No space") as e:
            checkpointer.save(name, epoch=1)
        assert "make room and go on with --resume" in str(e.value)
    assert (tmp_path / "last_checkpoint").read_text() == "model_0000.pth"
    assert (tmp_path / "model_0000.pth").read_bytes() == whole
    assert {p.name for p in tmp_path.iterdir()} == {"model_0000.pth", "last_checkpoint"}
