"""Errors a user can mend. The message alone says what was wrong, where, and what to do.

Command-line tools print these without a traceback; anything else is a defect and keeps its own.
"""

__all__ = [
    "CheckpointError",
    "ConfigError",
    "DatasetError",
    "EvaluationError",
    "MDPRError",
    "NonFiniteError",
    "ProcessFailedError",
]


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


class NonFiniteError(MDPRError, FloatingPointError):
    """A loss, or gradients, that are infinite or not a number."""


class ProcessFailedError(RuntimeError):
    """A process of a run failed, and the others were ended. The message has its traceback.

    Not an `MDPRError`: as a rule it is a defect.
    """
