"""Imported before any test: `mdpr` mends fast-reid, so it comes before every import of fast-reid."""

from pathlib import Path

import mdpr  # noqa: F401
import pytest
import torch
from mdpr.data.synthetic.cache import ensure_set
from mdpr.data.synthetic.spec import SynthPersonsSpec


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def synth_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set root that holds the complete SynthPersons, drawn once for all tests."""
    root = tmp_path_factory.mktemp("datasets")
    ensure_set(root, SynthPersonsSpec())
    return root
