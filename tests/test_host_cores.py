"""How many cores a process is told it may use."""

import os

import pytest
from mdpr import host
from mdpr.data.loader import build_test_loader
from mdpr.host import share_cores, usable_cores
from support.configs import tiny_config
from support.miniatures import make_duke


@pytest.mark.parametrize(("processes", "cores"), [(1, 7), (2, 3), (7, 1), (8, 1)])
def test_cores_are_shared_and_never_none(processes, cores, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(7)))
    monkeypatch.setattr(host, "_processes_on_these_cores", 1)
    share_cores(processes)
    assert usable_cores() == cores


def test_systems_that_do_not_tell(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    assert usable_cores() == 5
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cores() == 1


def test_loaders_start_no_more_processes_than_their_share_of_the_cores(tmp_path, monkeypatch, caplog):
    caplog.set_level("INFO")
    make_duke(tmp_path)
    monkeypatch.setenv("FASTREID_DATASETS", str(tmp_path))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr(host, "_processes_on_these_cores", 2)
    for wanted, started in ((0, 0), (3, 3), (6, 4)):
        cfg = tiny_config("DATALOADER.NUM_WORKERS", wanted)
        assert build_test_loader(cfg, "DukeMTMC")[0].num_workers == started
    assert caplog.text.count("DATALOADER.NUM_WORKERS is 6: taking 4") == 1
