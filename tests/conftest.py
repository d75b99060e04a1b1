"""Imported before any test: `mdpr` mends fast-reid, so it comes before every import of fast-reid."""

import mdpr  # noqa: F401
import pytest
import torch


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)
