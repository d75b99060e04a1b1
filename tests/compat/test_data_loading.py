"""The loader that brings batches to the device: on a CPU, and with CUDA's part stubbed."""

import gc
import multiprocessing
import threading
import traceback
from contextlib import nullcontext

import pytest
import torch
from mdpr.compat import data_loading
from mdpr.compat.data_loading import DeviceLoader, one_ahead
from torch.utils.data import Dataset


class Images(Dataset):
    """Item i is a batch of one number; one of them cannot be read."""

    def __init__(self, count=6, broken=None):
        self.count, self.broken = count, broken

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        if index == self.broken:
            raise OSError(f"image {index} cannot be read")
        return {"images": torch.full((1,), float(index)), "img_paths": [str(index)]}


def loader(dataset, **options):
    return DeviceLoader(0, dataset=dataset, batch_size=None, pin_memory=True, **options)


def numbers(batches):
    return [batch["images"].item() for batch in batches]


@pytest.mark.parametrize("workers", [0, 2])
def test_on_a_cpu_it_is_pytorchs(workers):
    batches = loader(Images(), device=torch.device("cpu"), num_workers=workers)
    assert numbers(batches) == [0, 1, 2, 3, 4, 5]
    assert not batches.pin_memory


class Stream:
    """A stream that keeps what was asked of it."""

    def __init__(self, *_):
        self.waited = []

    def wait_stream(self, other):
        self.waited.append(other)


@pytest.fixture
def gpu(monkeypatch):
    """Calls of CUDA's that the loader makes, on this machine's memory."""
    present, events = Stream(), []
    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: present)
    monkeypatch.setattr(
        torch.Tensor,
        "to",
        lambda self, device, non_blocking: events.append(("copied", self.item())) or self,
    )
    monkeypatch.setattr(
        torch.Tensor,
        "record_stream",
        lambda self, stream: events.append(("recorded", self.item(), stream is present)),
    )
    return events


def test_the_next_batch_is_on_its_way_while_a_step_runs(gpu):
    batches = one_ahead(iter(loader(Images(3))), torch.device("cuda"))
    assert gpu == []
    assert next(batches)["img_paths"] == ["0"]
    assert gpu == [("copied", 0.0), ("recorded", 0.0, True), ("copied", 1.0)]
    assert numbers(batches) == [1, 2]
    assert [event for event in gpu if event[0] == "recorded"] == [("recorded", n, True) for n in range(3)]


def test_what_is_done_on_the_device_comes_before_it_is_handed_out(gpu):
    def doubled(batch):
        return {**batch, "images": batch["images"] * 2}

    batches = one_ahead(iter(loader(Images(3))), torch.device("cuda"), doubled)
    assert numbers(batches) == [0, 2, 4]
    assert ("recorded", 2.0, True) in gpu  # the memory that is handed out, not what was copied


@pytest.mark.parametrize("workers", [0, 2])
def test_what_a_worker_raises_arrives(gpu, workers):
    source = iter(loader(Images(6, broken=3), device=torch.device("cpu"), num_workers=workers))
    batches, seen = one_ahead(source, torch.device("cuda")), []
    with pytest.raises(OSError, match="image 3 cannot be read") as failure:
        seen.extend(batch["images"].item() for batch in batches)
    # What only the garbage collector ends, PyTorch waits for: 5 s for each loader process.
    traceback.clear_frames(failure.tb)
    del failure, source
    assert seen == [0, 1]  # the one behind them was being fetched


def test_closing_ends_processes_and_threads(gpu):
    gc.collect()  # what a test that failed on purpose has left
    threads, processes = set(threading.enumerate()), set(multiprocessing.active_children())
    source = iter(loader(Images(1000), device=torch.device("cpu"), num_workers=2))
    batches = one_ahead(source, torch.device("cuda"))
    del source
    next(batches)
    assert len(set(multiprocessing.active_children()) - processes) == 2
    batches.close()
    assert set(multiprocessing.active_children()) <= processes
    for thread in set(threading.enumerate()) - threads:
        thread.join(timeout=30)  # they have been told to end
    assert set(threading.enumerate()) <= threads


@pytest.mark.parametrize("in_use", [False, True])
def test_fastreids_builders_go_where_the_model_is(in_use, monkeypatch):
    places = []

    def noting(batches, device, on_device):
        places.append(device)
        return batches

    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: in_use)
    monkeypatch.setattr(
        data_loading, "one_ahead", lambda batches, device, _: places.append(device) or batches
    )
    batches = loader(Images(2))
    assert numbers(batches) == [0, 1]
    assert [place.type for place in places] == ["cuda"] * in_use
    assert batches.pin_memory is in_use
