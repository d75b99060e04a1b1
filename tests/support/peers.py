"""Other packages, against which our adapters are tested. scripts/setup.sh installs them."""

import os
import tempfile

import pytest

os.environ.setdefault("YOLO_CONFIG_DIR", tempfile.gettempdir())  # Ultralytics writes settings when imported
os.environ.setdefault("YOLO_OFFLINE", "1")


def peer(name):
    """Import a package, or skip the test that needs it."""
    return pytest.importorskip(name, reason=f"{name} is not installed, see scripts/setup.sh")
