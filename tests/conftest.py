"""Fixtures shared by all tests."""

import collections
import collections.abc
import sys
import types
from pathlib import Path

import pytest
from mdpr.data.synthetic.cache import ensure_set
from mdpr.data.synthetic.spec import SynthPersonsSpec

# fast-reid 1.4 was written for an older Python and PyTorch; give it the two names it misses.
_six = types.ModuleType("torch._six")
_six.string_classes = (str, bytes)
sys.modules.setdefault("torch._six", _six)
if not hasattr(collections, "Mapping"):
    collections.Mapping = collections.abc.Mapping


@pytest.fixture(scope="session")
def synth_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set root that holds the complete SynthPersons, drawn once for all tests."""
    root = tmp_path_factory.mktemp("datasets")
    ensure_set(root, SynthPersonsSpec())
    return root
