"""Errors a user can mend. The message alone says what was wrong, where, and what to do.

Command-line tools print these without a traceback; anything else is a defect and keeps its own.
"""

__all__ = ["CheckpointError", "ConfigError", "DatasetError", "MDPRError", "NonFiniteError"]


class MDPRError(Exception):
    """Base of the errors below."""


class ConfigError(MDPRError, ValueError):
    """A config key has a value that cannot be used."""


class CheckpointError(MDPRError, ValueError):
    """A weight file cannot be used."""


class DatasetError(MDPRError, RuntimeError):
    """A data set is missing, or its files are not what they should be."""


class NonFiniteError(MDPRError, FloatingPointError):
    """A loss, or gradients, that are infinite or not a number."""
