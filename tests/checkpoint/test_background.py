"""Writes by a thread: of the content as it was, in order, with errors that arrive."""

import threading

import pytest
import torch
from mdpr.checkpoint.background import BackgroundWriter
from mdpr.checkpoint.checkpointer import SafeCheckpointer
from mdpr.checkpoint.reading import read_checkpoint
from mdpr.errors import CheckpointError
from torch import nn


def test_what_is_written_is_what_was_there_at_the_start():
    may_write, written = threading.Event(), []

    def write(content):
        may_write.wait(timeout=60)
        written.append(content)

    writer, weight = BackgroundWriter(), torch.arange(4.0).reshape(2, 2).t()
    content = {"model": {"weight": weight}, "groups": [{"lr": 0.1}], "epoch": 3}
    writer.start(write, content)
    weight.zero_()
    content["groups"][0]["lr"] = 0.2
    content["epoch"] = 4
    assert written == []  # nobody has waited for it
    may_write.set()
    writer.wait()
    (copy,) = written
    assert copy["model"]["weight"].tolist() == [[0, 2], [1, 3]]
    assert copy["model"]["weight"].stride() == weight.stride()
    assert (copy["groups"], copy["epoch"]) == ([{"lr": 0.1}], 3)


def test_one_write_at_a_time():
    order, may_write = [], threading.Event()

    def slow(content):
        may_write.wait(timeout=60)
        order.append(content)

    writer = BackgroundWriter()
    writer.start(slow, 1)
    threading.Timer(0.05, may_write.set).start()
    writer.start(order.append, 2)
    writer.wait()
    assert order == [1, 2]


def test_errors_arrive_once_at_the_next_call():
    def fail(content):
        raise CheckpointError("the disk is full")

    writer = BackgroundWriter()
    writer.start(fail, {})
    with pytest.raises(CheckpointError, match="the disk is full"):
        writer.start(fail, {})
    writer.wait()


@pytest.mark.parametrize("background", [False, True])
def test_a_checkpointer_writes_tags_and_then_calls(tmp_path, background):
    model, seen = nn.Linear(2, 2), []
    checkpointer = SafeCheckpointer(model, str(tmp_path), background=background)
    before = model.weight.detach().clone()
    checkpointer.save(
        "model_0000", then=lambda: seen.append((tmp_path / "last_checkpoint").read_text()), epoch=0
    )
    model.weight.data.zero_() if background else None
    checkpointer.wait()
    assert seen == ["model_0000.pth"]
    assert torch.equal(read_checkpoint(tmp_path / "model_0000.pth")["model"]["weight"], before)


def test_a_full_disk_leaves_what_was_there(tmp_path):
    model = nn.Linear(2, 2)
    checkpointer = SafeCheckpointer(model, str(tmp_path), background=True)
    checkpointer.save("model_0000", epoch=0)
    checkpointer.wait()
    (tmp_path / "model_0001.pth").mkdir()  # nothing can take its place
    checkpointer.save("model_0001", epoch=1)
    with pytest.raises(CheckpointError, match=r"model_0001\.pth could not be written"):
        checkpointer.wait()
    assert (tmp_path / "last_checkpoint").read_text() == "model_0000.pth"
