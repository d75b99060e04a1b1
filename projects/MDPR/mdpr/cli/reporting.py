"""How the subcommands speak: results to the output stream, what the user can mend as one line of errors."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence

from mdpr.errors import MDPRError


def say(text: str) -> None:
    """Write a line, or several, to the output stream."""
    sys.stdout.write(f"{text}\n")


Main = Callable[[Sequence[str] | None], int]


def subcommand_of_actions(name: str, purposes: Mapping[str, str], main_of: Callable[[str], Main]) -> Main:
    """Make the ``main`` of a subcommand whose first word is an action, each with a command line of its own.

    Args:
        name: of the subcommand, such as "mdpr gallery".
        purposes: of each action, in a line.
        main_of: from an action to its ``main``, of `subcommand`.
    """

    def main(arguments: Sequence[str] | None = None) -> int:
        action, *rest = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
        if action not in purposes:
            width = max(map(len, purposes))
            lines = "\n".join(f"  {each:{width}}  {purpose}" for each, purpose in purposes.items())
            style = argparse.RawDescriptionHelpFormatter
            parser = argparse.ArgumentParser(name, description=lines, formatter_class=style)
            parser.add_argument("action", choices=purposes)
            parser.parse_args([action])
        return main_of(action)(rest)

    return main


def subcommand(
    parser: Callable[[], argparse.ArgumentParser],
    run: Callable[[argparse.Namespace], int],
    *,
    failed: int = 1,
    also: tuple[type[Exception], ...] = (),
) -> Main:
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
