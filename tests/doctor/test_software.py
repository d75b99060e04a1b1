"""Checks of what is installed, where all is well and where it is not."""

import importlib.util
import re
import sys
from types import SimpleNamespace

import faiss
import fastreid.data.build
import numpy as np
import pytest
import torch
import torchvision
from fastreid.data.data_utils import DataLoaderX
from mdpr_doctor import facts, software
from mdpr_doctor.finding import FAILED, OK
from support.configs import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@pytest.mark.parametrize(
    "check",
    [
        software.check_python,
        software.check_packages,
        software.check_torch,
        software.check_fastreid,
        software.check_faiss,
    ],
)
def test_all_is_well_here(check):
    finding = check()
    assert finding.status == OK, finding
    assert finding.advice == ""


def test_an_old_python(monkeypatch):
    monkeypatch.setattr(software, "sys", SimpleNamespace(version_info=(3, 9, 1)))
    assert software.check_python().status == FAILED


def test_missing_packages_are_named_with_what_installs_them(monkeypatch):
    there = importlib.util.find_spec
    gone = ("yaml", "fastreid")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in gone else there(name))
    finding = software.check_packages()
    assert finding.status == FAILED
    assert finding.found == "missing: PyYAML, fastreid"
    assert finding.advice == "pip install PyYAML, then pip install --no-deps fastreid==1.4.0"


def test_the_packages_are_those_of_the_project():
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    wanted = {re.match(r"[\w-]+", line).group() for line in dependencies} - {"faiss-gpu", "faiss-cpu"}
    assert set(facts.PACKAGES.values()) - {"faiss-gpu", "faiss-cpu"} == wanted | {"fastreid"}


def test_an_old_torch(monkeypatch):
    monkeypatch.setattr(torch, "__version__", "2.4.1")
    finding = software.check_torch()
    assert finding.status == FAILED
    assert "2.4.1" in finding.found


def test_a_torchvision_of_another_torch(monkeypatch):
    def other(*_):
        raise RuntimeError("operator torchvision::nms does not exist\nmore")

    monkeypatch.setattr(torchvision.ops, "nms", other)
    finding = software.check_torch()
    assert finding.status == FAILED
    assert finding.found.endswith("torchvision: operator torchvision::nms does not exist")


def test_another_fastreid(monkeypatch):
    monkeypatch.setattr(software, "installed_version", lambda name: "1.3.0")
    finding = software.check_fastreid()
    assert finding.status == FAILED
    assert "pip install --no-deps fastreid==1.4.0" in finding.advice


def test_a_mend_that_is_not_in_place(monkeypatch):
    monkeypatch.setattr(fastreid.data.build, "DataLoaderX", DataLoaderX)
    finding = software.check_fastreid()
    assert finding.status == FAILED
    assert finding.found.endswith("10 of 11 mends in place; not: loader")


def test_a_faiss_that_finds_nothing(monkeypatch):
    monkeypatch.setattr(faiss, "knn", lambda query, points, k: (None, np.full((len(query), k), -1)))
    assert software.check_faiss().status == FAILED


def test_facts_of_the_machine():
    found = facts.machine_facts()
    assert found["cores"] >= 1
    assert found["packages"]["fastreid"] == "1.4.0"
    assert facts.installed_version("no such package") is None
    assert facts.line_of("/no/such/file", "key") is None
