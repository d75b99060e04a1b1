"""Whether a step may be taken: decided on the device, and read by the host when it is ready."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.distributed as dist
from fastreid.utils import comm
from torch import Tensor, nn

from mdpr.engine.steps.attempt import Attempt


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


@dataclass(frozen=True)
class Finiteness:
    """What was read of a step; the same in every process."""

    losses_finite: bool
    gradients_finite: bool
    signal: int = 0  # that came to a process and is to end the run
    overflow: bool = False  # of gradients that a smaller factor of the gradient scaler may make finite

    @property
    def is_finite(self) -> bool:
        """Whether losses and gradients are."""
        return self.losses_finite and self.gradients_finite


class Verdict:
    """What is wrong with a step in any process. Every process makes one.

    Nothing waits for the device here: a copy is on its way to the host, which reads it by `read`.

    Args:
        attempt: the step, after its backward passes.
        signal: number of a signal that came to this process; 0 where none did.
        scaler: of float16, before its update.

    Attributes:
        unfit: () 1.0 where the optimizer must not take the step, else 0.0; on the device.
        left_out: () 1.0 where nothing of the step may stay, the norms' statistics included; an overflow
            leaves these. On the device.
    """

    def __init__(self, attempt: Attempt, signal: int = 0, scaler: torch.amp.GradScaler | None = None) -> None:
        bad_losses, bad_gradients = ~attempt.finite_losses().all(), ~attempt.gradient_norm.isfinite()
        factor = None if scaler is None else scaler._get_scale_async()
        shrinkable = torch.zeros_like(bad_losses) if factor is None else factor > 1
        flags = torch.stack([bad_losses, bad_gradients, shrinkable]).float()
        flags = torch.cat([flags, flags.new_full((1,), signal)])
        if comm.get_world_size() > 1:
            dist.all_reduce(flags, dist.ReduceOp.MAX)
        bad_losses, bad_gradients, shrinkable, _ = flags
        self.unfit = torch.maximum(bad_losses, bad_gradients)
        self.left_out = torch.maximum(bad_losses, bad_gradients * (1 - shrinkable))
        # To pinned memory, as PyTorch makes it for a copy from a GPU that nobody waits for.
        self._copy = flags.to("cpu", non_blocking=True)
        self._arrived = None
        if flags.device.type == "cuda":
            self._arrived = torch.cuda.Event()
            self._arrived.record()

    def read(self) -> Finiteness:
        """Wait for the step, and read what is wrong with it."""
        if self._arrived is not None:
            self._arrived.synchronize()
        bad_losses, bad_gradients, shrinkable, signal = map(int, self._copy.tolist())
        return Finiteness(
            not bad_losses,
            not bad_gradients,
            signal,
            overflow=bool(bad_gradients and shrinkable and not bad_losses),
        )
