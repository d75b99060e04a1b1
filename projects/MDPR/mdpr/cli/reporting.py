"""How the subcommands speak: results to the output stream, what the user can mend as one line of errors."""

import argparse
import sys
from collections.abc import Callable, Sequence

from mdpr.errors import MDPRError


def say(text: str) -> None:
    """Write a line, or several, to the output stream."""
    sys.stdout.write(f"{text}\n")


def subcommand(
    parser: Callable[[], argparse.ArgumentParser],
    run: Callable[[argparse.Namespace], int],
    *,
    failed: int = 1,
    also: tuple[type[Exception], ...] = (),
) -> Callable[[Sequence[str] | None], int]:
    """Make the ``main`` of a subcommand.

    Args:
        parser: makes the parser of its command line.
        run: does what a parsed line asks for; returns the exit code.
        failed: the exit code where that raises an `MDPRError` or an ``OSError``, which become one line.
        also: further errors to treat so. Any other is a defect, and passes with its traceback.

    Returns:
        A function from the command line, None being that of this process, to the exit code.
    """
    mendable: tuple[type[Exception], ...] = (MDPRError, OSError, *also)

    def main(arguments: Sequence[str] | None = None) -> int:
        options = parser().parse_intermixed_args(arguments)
        try:
            return run(options)
        except mendable as error:
            sys.stderr.write(f"error: {error}\n")
            return failed

    return main
