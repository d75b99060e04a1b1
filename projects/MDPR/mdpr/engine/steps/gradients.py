"""Gradients of one step of the optimizer."""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel


def gradient_norm(parameters: Iterable[nn.Parameter]) -> Tensor:
    """Length of all gradients as one vector, on their device and without a wait.

    It is infinite or NaN as soon as a single number in them is.

    Returns:
        Scalar >= 0; 0 where there is no gradient.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    if not gradients:
        return torch.zeros(())
    return torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))


def gradients_kept_local(model: nn.Module, wanted: bool) -> AbstractContextManager:
    """A context in which a distributed model does not exchange gradients after its backward pass.

    Of several batches of one step only the last has to; both passes of the others go in here.
    """
    if wanted and isinstance(model, DistributedDataParallel):
        return model.no_sync()
    return nullcontext()
