"""``torch.compile`` that a missing compiler does not stop."""

import logging
from collections.abc import Callable
from typing import Any

import torch

logger = logging.getLogger(__name__)


def compiled_or_not(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """A function, or module, that is compiled at its first call.

    Args:
        function: takes one argument.
        options: of ``torch.compile``.

    Returns:
        The compiled function; ``function`` itself from the first failure to compile on, which is logged.
    """
    run = torch.compile(function, **options)

    def call(argument: Any) -> Any:
        nonlocal run
        if run is function:
            return function(argument)
        # Imported with the compiler, seconds after torch.
        from torch._dynamo.exc import TorchDynamoException  # noqa: PLC0415

        try:
            return run(argument)
        except TorchDynamoException as error:
            reason = str(error).strip().partition("\n")[0]
            logger.warning("Cannot compile the network, it runs as it is: %s", reason)
            run = function
            return function(argument)

    return call
