"""Two packages are imported when something of them is used, as importing them takes longer than all the rest.

fast-reid takes scikit-learn for a function that only ``TEST.ROC`` calls; torchvision, for a name that its
``roi_align`` asks for, PyTorch's whole compiler. Both get stand-ins while they are imported.
"""

import importlib
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_STAND_INS = {"sklearn": ("metrics",), "torch._dynamo": ("utils",)}
"""Packages, and which of their modules are taken from them."""


class _Module(types.ModuleType):
    """Passes for a module, and imports it when something of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(_imported(self.__name__), name)

    def is_compile_supported(self, *arguments: Any) -> bool:
        """torchvision takes this function by name, and calls it later."""
        return _imported(self.__name__).is_compile_supported(*arguments)


@contextmanager
def imported_on_demand() -> Iterator[None]:
    """Within the context the packages have stand-ins, unless they are loaded already."""
    lent = {}
    for package, names in _STAND_INS.items():
        if package not in sys.modules:
            stand_in = _Module(package)
            modules = {f"{package}.{name}": _Module(f"{package}.{name}") for name in names}
            for name in names:
                setattr(stand_in, name, modules[f"{package}.{name}"])
            lent |= {package: stand_in, **modules}
    sys.modules.update(lent)
    try:
        yield
    finally:
        _take_back(lent)


def _imported(name: str) -> types.ModuleType:
    """The module itself, also while there is a stand-in in its place."""
    if isinstance(sys.modules.get(name), _Module):
        _take_back({known: module for known, module in sys.modules.items() if isinstance(module, _Module)})
    return importlib.import_module(name)


def _take_back(lent: dict[str, Any]) -> None:
    for name, module in lent.items():
        if sys.modules.get(name) is module:
            del sys.modules[name]
