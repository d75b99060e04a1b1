"""MDPR (Mutual Distillation Learning for Person Re-identification, arXiv 2401.06430) for fast-reid.

Importing this package mends fast-reid for the installed Python and PyTorch, and registers the
meta-architecture, its head and its data sets. It also lets PyTorch use huge pages for large tensors.
"""

import importlib
from typing import TYPE_CHECKING, Any

from mdpr.compat import install as _mend_fastreid
from mdpr.host import ask_for_huge_pages as _ask_for_huge_pages

_ask_for_huge_pages()
_mend_fastreid()

# fast-reid can be imported only from here on.
from mdpr.plugs import install as _install_plugs  # noqa: E402

# Before the modules that take fast-reid's losses by name.
_install_plugs()

from mdpr.config import add_mdpr_config  # noqa: E402
from mdpr.data.datasets import SynthPersons  # noqa: E402 - registers them all
from mdpr.modeling import half_precision as _half_precision  # noqa: E402, F401 - registers an ablation
from mdpr.modeling.heads import MDPRHead  # noqa: E402
from mdpr.modeling.losses import LOSS_REGISTRY  # noqa: E402
from mdpr.modeling.meta_arch import MDPR  # noqa: E402

if TYPE_CHECKING:
    from mdpr.engine.loggers import LOGGER_REGISTRY, RunLogger
    from mdpr.inference.embedder import Embedder
    from mdpr.inference.gallery import Gallery

__all__ = [
    "LOGGER_REGISTRY",
    "LOSS_REGISTRY",
    "MDPR",
    "Embedder",
    "Gallery",
    "MDPRHead",
    "RunLogger",
    "SynthPersons",
    "add_mdpr_config",
]

# Imported when they are asked for, as most uses need none of them.
_LATER = {
    "Embedder": "mdpr.inference.embedder",
    "Gallery": "mdpr.inference.gallery",
    "LOGGER_REGISTRY": "mdpr.engine.loggers",
    "RunLogger": "mdpr.engine.loggers",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_LATER[name]), name)
