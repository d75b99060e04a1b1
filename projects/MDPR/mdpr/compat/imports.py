"""Import fast-reid although it asks for names that Python and PyTorch have removed.

``fastreid.data.build`` takes ``string_classes`` from ``torch._six`` (gone in PyTorch 2.0), and it and
``fastreid.evaluation.testing`` take ``Mapping`` from ``collections`` (gone in Python 3.10). Both names
are lent while these modules are imported, and taken back: no other code ever sees them.
"""

import collections
import collections.abc
import importlib
import importlib.util
import sys
import types
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from mdpr.compat.on_demand import imported_on_demand

_MODULES = (
    "fastreid.data.build",
    "fastreid.evaluation.testing",
    # These two only warn that fast-reid's Cython ranking is not built; mdpr.evaluation ranks.
    "fastreid.evaluation.rank",
    "fastreid.evaluation.roc",
    "fastreid.evaluation.reid_evaluation",
    "fastreid.data.transforms",
)


@contextmanager
def removed_names_lent() -> Iterator[None]:
    """Within the context ``torch._six`` and ``collections.Mapping`` exist, whatever the versions."""
    lent_mapping = not hasattr(collections, "Mapping")
    lent_six = importlib.util.find_spec("torch._six") is None
    if lent_mapping:
        collections.Mapping = collections.abc.Mapping  # type: ignore[attr-defined]
    if lent_six:
        six = types.ModuleType("torch._six")
        six.string_classes = (str, bytes)  # type: ignore[attr-defined]
        sys.modules["torch._six"] = six
    try:
        yield
    finally:
        if lent_mapping:
            del collections.Mapping  # type: ignore[attr-defined]
        if lent_six:
            del sys.modules["torch._six"]


def import_fastreid() -> None:
    """Import the parts of fast-reid that need removed names.

    Raises:
        ImportError: fast-reid is not installed.
    """
    if importlib.util.find_spec("fastreid") is None:
        raise ImportError(
            "fast-reid is not installed in this environment: run `bash scripts/setup.sh`, or "
            "`pip install --no-deps fastreid==1.4.0` after `pip install -r requirements.txt`"
        )
    with removed_names_lent(), imported_on_demand(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Cython (rank|roc) evaluation")
        for name in _MODULES:
            importlib.import_module(name)
