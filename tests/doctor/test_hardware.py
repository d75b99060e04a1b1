"""Checks of what the machine has, with a machine that is made up."""

from types import SimpleNamespace

import mdpr.host
import pytest
import torch
from mdpr_doctor import hardware
from mdpr_doctor.finding import FAILED, NOT_HERE, OK

GIB = 2**30


def test_no_gpu(monkeypatch):
    monkeypatch.setattr(mdpr.host, "has_gpu", lambda: False)
    monkeypatch.setattr(mdpr.host, "why_no_gpu", lambda: "no driver")
    finding = hardware.check_gpu()
    assert (finding.status, finding.found) == (NOT_HERE, "no driver")


def test_a_gpu_with_an_old_driver(monkeypatch):
    monkeypatch.setattr(mdpr.host, "has_gpu", lambda: True)
    monkeypatch.setattr(mdpr.host, "why_no_gpu", lambda: "the driver is too old")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(hardware, "_cuda_of_driver", lambda: "11.4")
    finding = hardware.check_gpu()
    assert finding.status == FAILED
    assert "the driver is too old" in finding.found
    assert "driver for CUDA 11.4" in finding.found
    assert "a newer driver" in finding.advice


@pytest.fixture
def gpu(monkeypatch):
    """A GPU that PyTorch sees; what is asked of it is done by the CPU."""
    properties = SimpleNamespace(name="Tesla K1", total_memory=16 * GIB, major=3, minor=7)
    monkeypatch.setattr(mdpr.host, "has_gpu", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda number: properties)
    ones = torch.ones
    monkeypatch.setattr(torch, "ones", lambda size, device: ones(size))


def test_a_gpu(gpu):
    finding = hardware.check_gpu()
    assert finding.status == OK
    assert finding.found.startswith("Tesla K1 (16 GiB, sm_37); torch for CUDA ")


def test_a_gpu_that_torch_has_no_code_for(gpu, monkeypatch):
    def refuse(size, device):
        raise RuntimeError("CUDA error: no kernel image is available\nmore")

    monkeypatch.setattr(torch, "ones", refuse)
    finding = hardware.check_gpu()
    assert finding.status == FAILED
    assert finding.found == "GPU 0, Tesla K1: CUDA error: no kernel image is available"


class Library:
    """Of a driver that can do CUDA 12.4."""

    def cuDriverGetVersion(self, place):  # noqa: N802 - its name
        place._obj.value = 12040
        return 0


def test_the_cuda_of_a_driver(monkeypatch):
    monkeypatch.setattr(hardware.ctypes, "CDLL", lambda name: Library())
    assert hardware._cuda_of_driver() == "12.4"
    monkeypatch.setattr(hardware.ctypes, "CDLL", lambda name: (_ for _ in ()).throw(OSError(name)))
    assert hardware._cuda_of_driver() == "unknown"


@pytest.mark.parametrize(
    ("cpu", "gpu", "status", "found"),
    [
        (True, False, OK, "this CPU can"),
        (False, True, OK, "the GPU can"),
        (True, True, OK, "this CPU and the GPU can"),
        (False, False, NOT_HERE, "would only emulate it"),
    ],
)
def test_bfloat16(monkeypatch, cpu, gpu, status, found):
    monkeypatch.setattr(mdpr.host, "cpu_computes_in_bfloat16", lambda: cpu)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: gpu)
    finding = hardware.check_bfloat16()
    assert finding.status == status
    assert found in finding.found


@pytest.fixture
def free(monkeypatch):
    """Sets the free bytes of every disk."""

    def set_free(amount):
        monkeypatch.setattr(hardware.shutil, "disk_usage", lambda place: SimpleNamespace(free=amount))

    return set_free


def test_shared_memory(free, monkeypatch, tmp_path):
    monkeypatch.setattr(hardware, "SHARED_MEMORY", tmp_path)
    monkeypatch.setattr(mdpr.host, "usable_cores", lambda: 16)
    batch = 64 * 3 * 384 * 192 * 4  # float32, the recipe's 64 images
    free(64 * 2**20)  # what Docker gives
    finding = hardware.check_shared_memory()
    assert finding.status == FAILED
    assert finding.details == {"needed_bytes": 17 * batch, "free_bytes": 64 * 2**20}  # 8 processes, 2 each, 1
    assert "--shm-size=2g" in finding.advice
    free(17 * batch)
    assert hardware.check_shared_memory().status == OK
    monkeypatch.setattr(hardware, "SHARED_MEMORY", tmp_path / "none")
    assert "this system has no" in hardware.check_shared_memory().found


def test_disk(free, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    free(100 * GIB)
    finding = hardware.check_disk()
    assert finding.status == OK
    assert finding.found.startswith(
        f"{tmp_path}: 100 GiB free; a run of the recipe keeps 5 checkpoints of 1.4 GiB"
    )
    free(3 * GIB)
    assert "lower SOLVER.CHECKPOINT_KEEP" in hardware.check_disk().advice
    sizes = iter([100 * GIB, GIB])
    monkeypatch.setattr(hardware.shutil, "disk_usage", lambda place: SimpleNamespace(free=next(sizes)))
    assert "set TMPDIR" in hardware.check_disk().advice
    free(100 * GIB)
    monkeypatch.setattr(hardware.os, "access", lambda place, mode: False)
    assert hardware.check_disk().found == f"{tmp_path} cannot be written"


def test_data_sets(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FASTREID_DATASETS", raising=False)
    assert hardware.check_datasets().status == NOT_HERE
    monkeypatch.setenv("FASTREID_DATASETS", str(tmp_path / "sets"))
    finding = hardware.check_datasets()
    assert finding.status == FAILED
    assert finding.found.endswith("sets: no such folder")
    for name in ("MSMT17_V2", "DukeMTMC-reID", "SynthPersons-v1-abc", "holidays"):
        (tmp_path / "sets" / name).mkdir(parents=True)
    finding = hardware.check_datasets()
    assert finding.status == OK
    assert finding.details["folders"] == ["DukeMTMC-reID", "MSMT17_V2", "SynthPersons-v1-abc"]
