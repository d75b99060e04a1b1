"""This project's parts under fast-reid's own names, so that its trainer and architectures run them.

As in `mdpr.compat`, each module has an ``apply()`` that changes nothing where there is nothing to change;
unlike there, what it puts in place stands on other parts of this project.
"""

import importlib
import pkgutil

__all__ = ["install"]


def install() -> None:
    """Put every module of this folder in place. Calling it again changes nothing."""
    for part in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{part.name}").apply()
