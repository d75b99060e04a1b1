"""What happens in one step, until it is known whether the step is taken."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

Batch = Mapping[str, Any]


@dataclass
class Attempt:
    """The batches of one step of the optimizer and what they gave.

    Attributes:
        batches: what the loader gave, N of them, each as fast-reid's batch dict.
        random_states: state of the random numbers before each forward pass, see `random_state`.
        names: the loss terms' names.
        losses: of each batch the terms' values (K,), on the device.
        gradient_norm: length of the averaged gradient, without the factor of the gradient scaler.
    """

    batches: list[Batch] = field(default_factory=list)
    random_states: list[dict[str, Tensor]] = field(default_factory=list)
    names: tuple[str, ...] = ()
    losses: list[Tensor] = field(default_factory=list)
    gradient_norm: Tensor = field(default_factory=lambda: torch.zeros(()))

    def finite_losses(self) -> Tensor:
        """Whether every term of each batch is finite: (N,) bool, on the device."""
        return torch.stack([losses.isfinite().all() for losses in self.losses])


class BufferBackup:
    """A model's buffers, such as the statistics of batch norm, as they were before a step.

    A forward pass changes them: a batch of NaNs would stay in them for ever.
    """

    def __init__(self, model: nn.Module) -> None:
        buffers: dict[torch.dtype, list[Tensor]] = defaultdict(list)  # one launch a type of number
        for buffer in model.buffers():
            buffers[buffer.dtype].append(buffer)
        self._buffers = list(buffers.values())
        self._kept: list[list[Tensor]] = []

    def save(self) -> None:
        """Keep the present values."""
        if not self._kept:
            self._kept = [[torch.empty_like(buffer) for buffer in buffers] for buffers in self._buffers]
        for kept, buffers in zip(self._kept, self._buffers, strict=True):
            torch._foreach_copy_(kept, buffers)

    def restore(self) -> None:
        """Bring back the values of the last `save`."""
        for kept, buffers in zip(self._kept, self._buffers, strict=True):
            torch._foreach_copy_(buffers, kept)


def random_state(device: torch.device) -> dict[str, Tensor]:
    """State of the generators that a forward pass on ``device`` draws from (dropout, for instance)."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


@contextmanager
def use_random_state(state: Mapping[str, Tensor], device: torch.device) -> Iterator[None]:
    """Draw from `random_state`, and from where the generators were again afterwards."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.set_rng_state(state["cpu"])
        if device.type == "cuda" and "cuda" in state:
            torch.cuda.set_rng_state(state["cuda"], device)
        yield
