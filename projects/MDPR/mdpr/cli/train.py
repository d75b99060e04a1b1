"""Train or evaluate MDPR, or any fast-reid architecture."""

import sys
from collections.abc import Callable, Sequence
from typing import Any

from fastreid.config import CfgNode

from mdpr.engine.run import train_or_evaluate
from mdpr.engine.setup import make_config
from mdpr.errors import MDPRError, ProcessFailedError
from mdpr.launch import argument_parser, launch


def main(arguments: Sequence[str] | None = None, extend: Sequence[Callable[[CfgNode], Any]] = ()) -> int:
    """Read the config once, and run it in as many processes as the command line asks for.

    Args:
        arguments: the command line without the program's name; None takes that of this process.
        extend: functions of a project that add keys of its own to the config.

    Returns:
        The exit code: 0, or 1 where the run failed; why is one line of the error stream where the user can
        mend it, and a traceback elsewhere.

    Raises:
        SystemExit: a signal ended the run.
    """
    parser = argument_parser()
    parser.prog = "mdpr train"
    parser.description = __doc__
    options = parser.parse_args(arguments)
    try:
        cfg, notes = make_config(options.config_file, options.opts, extend, gpus=options.num_gpus)
        launch(train_or_evaluate, options, cfg, notes)
    except (MDPRError, ProcessFailedError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0
