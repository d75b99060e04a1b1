"""Which checkpoint a run goes on from, and which are removed."""

import logging
from itertools import pairwise

import pytest
import torch
from mdpr.checkpoint.checkpointer import SafeCheckpointer
from mdpr.checkpoint.reading import read_checkpoint
from mdpr.engine.resume.resume_points import epoch_name, find_resume_point, prune, step_name
from mdpr.errors import CheckpointError
from torch import nn


def save(folder, name, epoch, iteration):
    """A checkpoint that says where it was taken in its weights, too."""
    model = nn.Linear(50, 3)
    nn.init.constant_(model.weight, iteration)
    SafeCheckpointer(model, str(folder), optimizer=torch.optim.SGD(model.parameters())).save(
        name, epoch=epoch, iteration=iteration
    )
    return folder / f"{name}.pth"


def damage(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.fixture
def run(tmp_path):
    """Best after epoch 0, then steps, then epoch 1, then steps of epoch 2: last_checkpoint."""
    save(tmp_path, "model_best", 0, 10)
    save(tmp_path, step_name(15), 0, 15)
    save(tmp_path, epoch_name(1), 1, 20)
    save(tmp_path, step_name(25), 1, 25)
    return tmp_path


def test_the_last_one(run):
    path, content = find_resume_point(run)
    assert path.name == "model_iter_00000025.pth"
    assert content["iteration"] == 25


def test_falls_back_to_the_newest_sound_one_and_says_so(run, caplog):
    order = ["model_iter_00000025", "model_0001", "model_iter_00000015", "model_best"]
    for damaged, expected in pairwise(order):
        damage(run / f"{damaged}.pth")
        with caplog.at_level(logging.WARNING):
            path, content = find_resume_point(run)
        assert path.stem == expected
        assert content["model"]["weight"][0, 0] == content["iteration"]
        assert f"Not resuming from {damaged}.pth" in caplog.text
        assert "wrong checksum" in caplog.text
        assert f"Resuming from {expected}.pth, the newest sound checkpoint" in caplog.text
    damage(run / "model_best.pth")
    with pytest.raises(CheckpointError, match=r"no checkpoint in .* can be resumed from"):
        find_resume_point(run)


@pytest.mark.parametrize("named", ["model_0007.pth", "", None])
def test_last_checkpoint_names_nothing(run, named):
    last = run / "last_checkpoint"
    last.unlink() if named is None else last.write_text(named)
    path, _ = find_resume_point(run)
    assert path.name == "model_iter_00000025.pth"


def test_other_files_are_no_checkpoints_of_a_run(tmp_path):
    assert find_resume_point(tmp_path) is None
    torch.save({"model": nn.Linear(1, 1).state_dict()}, tmp_path / "model_weights.pth")
    assert find_resume_point(tmp_path) is None


def test_no_flipped_byte_goes_unseen(tmp_path):
    """Every single one is found, or lies where nothing is read from."""
    path = save(tmp_path, "model_0000", 0, 1)
    sound = path.read_bytes()
    whole = torch.load(path, weights_only=True)["model"]["weight"]
    found = 0
    for place in range(0, len(sound), 7):
        path.write_bytes(sound[:place] + bytes([sound[place] ^ 0x55]) + sound[place + 1 :])
        try:
            content = read_checkpoint(path)
        except CheckpointError:
            found += 1
        else:
            assert torch.equal(content["model"]["weight"], whole)
            assert content["iteration"] == 1
    assert found > 100


def test_truncated_anywhere(tmp_path):
    path = save(tmp_path, "model_0000", 0, 1)
    sound = path.read_bytes()
    for length in range(0, len(sound), 97):
        path.write_bytes(sound[:length])
        with pytest.raises(CheckpointError):
            read_checkpoint(path)


def names(folder):
    return {path.stem for path in folder.glob("*.pth")}


@pytest.fixture
def many(tmp_path):
    for epoch in range(4):
        (tmp_path / f"{epoch_name(epoch)}.pth").touch()
        (tmp_path / f"{step_name(epoch * 10 + 5)}.pth").touch()
    for name in ("model_best", "model_final", "model_iter_mine", "others"):
        (tmp_path / f"{name}.pth").touch()
    return tmp_path


KEPT_ALWAYS = {"model_best", "model_final", "model_iter_mine", "others"}


@pytest.mark.parametrize(
    ("keep", "current", "steps", "expected"),
    [
        (1, epoch_name(3), 40, {epoch_name(3)}),
        (2, epoch_name(3), 40, {epoch_name(3), step_name(35)}),
        (3, epoch_name(3), 40, {epoch_name(3), step_name(35), epoch_name(2)}),
        (2, "model_best", 40, {epoch_name(3), step_name(35)}),
        # Never the one just written, even where older runs left higher numbers.
        (1, step_name(5), 5, {step_name(5)}),
        (0, epoch_name(3), 40, None),
        (-1, epoch_name(3), 40, None),
    ],
)
def test_old_ones_go(many, keep, current, steps, expected):
    before = names(many)
    prune(many, keep, current, steps, 10)
    assert names(many) == (before if expected is None else expected | KEPT_ALWAYS)


def test_a_checkpoint_within_the_epoch_goes_when_the_same_step_is_saved_as_an_epoch(many):
    (many / f"{step_name(40)}.pth").touch()
    prune(many, 0, epoch_name(3), 40, 10)
    assert step_name(40) not in names(many)
