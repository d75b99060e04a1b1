"""Packages that only some uses need."""

import importlib
from typing import Any

from mdpr.errors import InputError


def optional(module: str, extra: str) -> Any:
    """A module of an extra of pyproject.toml.

    Raises:
        InputError: it cannot be imported.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InputError(f"{module} cannot be imported ({error}): pip install 'mdpr[{extra}]'") from error
