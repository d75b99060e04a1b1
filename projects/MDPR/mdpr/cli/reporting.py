"""How the subcommands speak: results to the output stream, what the user can mend as one line of errors."""

import sys
from collections.abc import Callable

from mdpr.errors import MDPRError


def say(text: str) -> None:
    """Write a line, or several, to the output stream."""
    sys.stdout.write(f"{text}\n")


def run_reporting_errors(run: Callable[[], int], *, code: int = 1) -> int:
    """Call ``run``, and put what the user can mend into one line.

    Args:
        run: what the subcommand does; returns the exit code.
        code: the exit code where it raises an `MDPRError` or an ``OSError``.

    Returns:
        The exit code. Any other exception is a defect, and passes with its traceback.
    """
    try:
        return run()
    except (MDPRError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return code
