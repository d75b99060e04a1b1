"""TensorBoard's own page over the folder of a run."""

import os
from pathlib import Path

from tensorboard.program import TensorBoard, TensorBoardServerException

from mdpr.errors import InputError


def open_tensorboard(folder: str | Path, *, host: str | None = None, port: int | None = None) -> str:
    """Serve a folder, with all runs below it, from a thread of this process, for as long as that lives.

    Args:
        folder: the folder.
        host: to listen on; None is this machine alone, which nobody else can reach.
        port: 0 takes any that is free, None 6006 or the next that is.

    Returns:
        The page's URL.

    Raises:
        InputError: the port or the host cannot be had.
    """
    server = TensorBoard()
    server.configure(logdir=os.fspath(folder), host=host, port=port)
    try:
        return server.launch()
    except TensorBoardServerException as error:
        raise InputError(error.msg) from error
