"""How many cores a process is told it may use."""

import os

import pytest
from mdpr.data import loader
from mdpr.data.loader import build_test_loader
from mdpr.host import usable_cores
from support.configs import tiny_config
from support.miniatures import make_duke


@pytest.mark.parametrize(("processes", "cores"), [(1, 7), (2, 3), (7, 1), (8, 1)])
def test_cores_are_shared_and_never_none(processes, cores, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(7)))
    assert usable_cores(processes) == cores


def test_systems_that_do_not_tell(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    assert usable_cores() == 5
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cores() == 1


def test_loaders_start_no_more_processes_than_their_share_of_the_cores(tmp_path, monkeypatch):
    make_duke(tmp_path)
    monkeypatch.setenv("FASTREID_DATASETS", str(tmp_path))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr(loader.comm, "get_local_size", lambda: 2)
    for wanted, started in ((0, 0), (3, 3), (6, 4)):
        cfg = tiny_config("DATALOADER.NUM_WORKERS", wanted)
        assert build_test_loader(cfg, "DukeMTMC")[0].num_workers == started
