"""``torch.compile`` that a missing compiler does not stop."""

import logging
from collections.abc import Callable

import torch
from torch import Tensor

logger = logging.getLogger(__name__)

Embed = Callable[[Tensor], Tensor]


def compiled_or_not(function: Embed) -> Embed:
    """A function that is compiled at its first call, for weights that no longer change.

    Returns:
        The compiled function; ``function`` itself from the first failure to compile on, which is logged.
    """
    run = torch.compile(function, options={"freezing": True})

    def call(images: Tensor) -> Tensor:
        nonlocal run
        if run is function:
            return function(images)
        # Imported with the compiler, seconds after torch.
        from torch._dynamo.exc import TorchDynamoException  # noqa: PLC0415

        try:
            return run(images)
        except TorchDynamoException as error:
            reason = str(error).strip().partition("\n")[0]
            logger.warning("Cannot compile the network, it runs as it is: %s", reason)
            run = function
            return function(images)

    return call
