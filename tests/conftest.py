"""Imported before any test: `mdpr` mends fast-reid, so it comes before every import of fast-reid."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import mdpr  # noqa: F401
import pytest
import torch
from filelock import FileLock
from mdpr.host import keep_freed_memory, usable_cores
from synth_persons.cache import ensure_set
from synth_persons.spec import SynthPersonsSpec

os.environ["YOLO_AUTOINSTALL"] = "false"  # Ultralytics, once imported, would install packages as it sees fit

NEEDED_GIB = 4
"""What the tests have on the disk at a time (2.9, measured) and a margin: a checkpoint of the smallest
network and its optimiser is 0.25 GiB."""

keep_freed_memory()  # a sixth of the tests' time went into giving it back and asking for it anew


# Tests that run side by side share the cores.
if "PYTEST_XDIST_WORKER_COUNT" in os.environ:
    torch.set_num_threads(max(1, usable_cores() // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])))


def pytest_sessionstart() -> None:
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free / 2**30
    if free < NEEDED_GIB:
        pytest.exit(f"{folder} has {free:.1f} GiB free: the tests need {NEEDED_GIB}", 2)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def synth_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set root that holds the complete SynthPersons, drawn once for all tests."""
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "datasets"  # one for all workers
    root.mkdir(exist_ok=True)
    with FileLock(f"{root}.lock"):
        ensure_set(root, SynthPersonsSpec())
    return root


@pytest.fixture(scope="module")
def make_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Path]]:
    """Makes folders that a module's tests share; they go with the module, as checkpoints fill
    a small disk."""
    folders = []

    def make(name: str) -> Path:
        folders.append(tmp_path_factory.mktemp(name))
        return folders[-1]

    yield make
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
