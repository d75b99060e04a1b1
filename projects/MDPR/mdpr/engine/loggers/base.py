"""What a logger is, and which there are."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from fastreid.config import CfgNode
from fastreid.utils.registry import Registry

from mdpr.errors import ConfigError
from mdpr.rules import Choice

LOGGER_REGISTRY = Registry("MDPR_LOGGER")
"""Subclasses of `RunLogger`, by the names that ``SOLVER.LOGGERS`` takes."""


class RunLogger(ABC):
    """Passes on what a run logs. It is made and called in a thread of its own, in the first process alone.

    Whatever it raises ends the logger and not the run.

    Args:
        cfg: the run's whole config.
        run_id: what an earlier part of this run had as its ``run_id``; None for a new run.

    Attributes:
        requires: a package that it imports, and what to give to pip for it; None where there is none.
        run_id: under which a resumed run finds this one again; kept in ``OUTPUT_DIR``.
    """

    requires: ClassVar[tuple[str, str] | None] = None
    run_id: str

    @abstractmethod
    def __init__(self, cfg: CfgNode, run_id: str | None) -> None: ...

    @abstractmethod
    def log(self, step: int, scalars: Mapping[str, float]) -> None:
        """Take the scalars of a step (from 0), those of a line of ``metrics.json``."""

    @abstractmethod
    def finish(self, results: Mapping[str, Any], succeeded: bool) -> None:
        """Take the scores in ``results.json``, and whether the run came to its end: nothing follows."""


def check_loggers(cfg: CfgNode) -> None:
    """Check ``SOLVER.LOGGERS``.

    Raises:
        ConfigError: a name that nothing is registered under, or whose package is not installed.
    """
    for name in cfg.SOLVER.LOGGERS:
        Choice(lambda: LOGGER_REGISTRY._obj_map).check("SOLVER.LOGGERS", name)
        requires = LOGGER_REGISTRY.get(name).requires
        if requires is not None and find_spec(requires[0]) is None:
            raise ConfigError(
                f"SOLVER.LOGGERS is {name!r}, and {requires[0]} is not installed: pip install '{requires[1]}'"
            )


def run_name(cfg: CfgNode) -> str:
    """What people will know the run by: the last two parts of ``OUTPUT_DIR``."""
    return "/".join(Path(cfg.OUTPUT_DIR).absolute().parts[-2:])
