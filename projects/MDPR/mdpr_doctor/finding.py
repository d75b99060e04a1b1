"""What a check finds, and a check carried out: whatever it raises is a finding too."""

import importlib
import logging
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Final

OK: Final = "ok"
FAILED: Final = "failed"
NOT_HERE: Final = "not here"


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes:
        status: `OK`, `FAILED` or `NOT_HERE`.
        found: one short line.
        advice: what to do where it failed.
        details: numbers for the JSON file.
    """

    status: str
    found: str
    advice: str = ""
    details: dict[str, Any] = field(default_factory=dict)


def ok(found: str, **details: Any) -> Finding:
    """A check that went well."""
    return Finding(OK, found, details=details)


def failed(found: str, advice: str, **details: Any) -> Finding:
    """A check that did not, and what to do."""
    return Finding(FAILED, found, advice, details)


def not_here(reason: str, **details: Any) -> Finding:
    """A check of what this machine does not have."""
    return Finding(NOT_HERE, reason, details=details)


@dataclass(frozen=True)
class Check:
    """A check by name.

    Attributes:
        place: ``module:function`` in this package; the function takes ``options`` and returns a `Finding`.
        options: its arguments. A ``device`` of "cuda" makes it one of the GPU half.
    """

    place: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def needs_gpu(self) -> bool:
        """Whether it belongs to the GPU half."""
        return self.options.get("device") == "cuda"

    def function(self) -> Callable[..., Finding]:
        """Import and return what carries it out."""
        module, _, name = self.place.partition(":")
        function: Callable[..., Finding] = getattr(importlib.import_module(f"mdpr_doctor.{module}"), name)
        return function


@dataclass(frozen=True)
class Row:
    """A check carried out: its name, finding, seconds, and the traceback of what it raised."""

    name: str
    finding: Finding
    seconds: float
    traceback: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The row for the JSON file."""
        row = {"name": self.name, **asdict(self.finding), "seconds": round(self.seconds, 2)}
        return row if self.traceback is None else {**row, "traceback": self.traceback}


def carry_out(name: str, check: Check) -> Row:
    """Carry out a check. What it raises is its finding; what it warns of or logs is not shown.

    Args:
        name: of the check.
        check: what to do.
    """
    started, trace = time.monotonic(), None
    try:
        with _quiet():
            reason = _why_not_here() if check.needs_gpu else None
            finding = not_here(reason) if reason else check.function()(**check.options)
    except Exception as error:  # whatever it is, the other checks go on
        trace = traceback.format_exc()
        first_line = (str(error).strip() or "no message").partition("\n")[0]
        finding = failed(f"{type(error).__name__}: {first_line}", _advice(error))
    return Row(name, finding, time.monotonic() - started, trace)


def _advice(error: Exception) -> str:
    if isinstance(error, ImportError):
        return "install what the row `packages` names, or see the row `fast-reid`"
    return "the traceback is in the file of --json FILE"


def _why_not_here() -> str | None:
    """Why there is no GPU to check, None where there is one."""
    try:
        import mdpr.host  # noqa: PLC0415 - nothing of a check may be imported before its turn
        import torch  # noqa: PLC0415
    except ImportError as error:
        return f"mdpr cannot be imported ({error})"
    return None if torch.cuda.is_available() else mdpr.host.why_no_gpu().partition(". ")[0]


@contextmanager
def _quiet() -> Iterator[None]:
    """Nothing but the table on the screen."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
