"""Errors a user can mend. The message alone says what was wrong, where, and what to do.

Command-line tools print these without a traceback; anything else is a defect and keeps its own.
"""

import difflib
from collections.abc import Iterable
from typing import Any


class MDPRError(Exception):
    """Base of the errors below."""


class ConfigError(MDPRError, ValueError):
    """A config key has a value that cannot be used."""


class CheckpointError(MDPRError, ValueError):
    """A weight file cannot be used."""


class DatasetError(MDPRError, RuntimeError):
    """A data set is missing, or its files are not what they should be."""


class EvaluationError(MDPRError, ValueError):
    """Features or labels cannot be scored."""


class GalleryError(MDPRError, ValueError):
    """A gallery cannot do what was asked, or is damaged."""


class InputError(MDPRError, ValueError):
    """Images, boxes or options that cannot be worked with."""


class ExportError(MDPRError, RuntimeError):
    """An exported file that does not compute what its model does."""


class NonFiniteError(MDPRError, FloatingPointError):
    """A loss, or gradients, that are infinite or not a number."""


class ProcessFailedError(RuntimeError):
    """A process of a run failed, and the others were ended. The message has its traceback.

    Not an `MDPRError`: as a rule it is a defect.
    """


def wrong_value(key: str, value: Any, allowed: str) -> ConfigError:
    """The error for a key with a value that cannot be used."""
    return ConfigError(f"{key} is {value!r}: expected {allowed}")


def did_you_mean(name: Any, known: Iterable[str]) -> str:
    """ " (did you mean 'X'?)" with the known name that is nearest, or nothing where none is near."""
    by_lower_case = {one.lower(): one for one in known}
    close = difflib.get_close_matches(str(name).lower(), by_lower_case, n=1)
    return f" (did you mean {by_lower_case[close[0]]!r}?)" if close else ""
