"""What happens in one step, until it is known whether the step was taken."""

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
        iteration: of the run.
        batches: what the loader gave, N of them, each as fast-reid's batch dict.
        random_states: state of the random numbers before each forward pass, see `random_state`.
        names: the loss terms' names.
        losses: of each batch the terms' values (K,), on the device.
        captured: what else the model logged of each batch, by name.
        gradient_norm: length of the averaged gradient, without the factor of the gradient scaler.
    """

    iteration: int
    batches: list[Batch] = field(default_factory=list)
    random_states: list[dict[str, Tensor]] = field(default_factory=list)
    names: tuple[str, ...] = ()
    losses: list[Tensor] = field(default_factory=list)
    captured: list[dict[str, Tensor]] = field(default_factory=list)
    gradient_norm: Tensor = field(default_factory=lambda: torch.zeros(()))

    def finite_losses(self) -> Tensor:
        """Whether every term of each batch is finite: (N,) bool, on the device."""
        return torch.stack([losses.isfinite().all() for losses in self.losses])


class BufferBackup:
    """A model's buffers, such as the statistics of batch norm, as they were before a step.

    A forward pass changes them: a batch of NaNs would stay in them for ever.
    """

    def __init__(self, model: nn.Module) -> None:
        buffers: dict[torch.dtype, list[Tensor]] = defaultdict(list)  # a few launches a type of number
        for buffer in model.buffers():
            buffers[buffer.dtype].append(buffer)
        self._buffers = list(buffers.values())
        self._kept: list[Tensor] = []  # end to end

    def save(self) -> None:
        """Keep the present values."""
        self._kept = [_end_to_end(buffers) for buffers in self._buffers]

    def restore_where(self, condition: Tensor) -> None:
        """Bring back the values of the last `save` where ``condition`` () is not 0, without reading it."""
        for kept, buffers in zip(self._kept, self._buffers, strict=True):
            _lay_into(buffers, torch.where(condition.bool(), kept, _end_to_end(buffers)))

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """A block in which the model has the values of the last `save`, and keeps them if it fails."""
        present = [_end_to_end(buffers) for buffers in self._buffers]
        for kept, buffers in zip(self._kept, self._buffers, strict=True):
            _lay_into(buffers, kept)
        yield
        for values, buffers in zip(present, self._buffers, strict=True):
            _lay_into(buffers, values)


def _end_to_end(tensors: list[Tensor]) -> Tensor:
    return torch.cat([tensor.reshape(-1) for tensor in tensors])


def _lay_into(tensors: list[Tensor], values: Tensor) -> None:
    parts = values.split([tensor.numel() for tensor in tensors])
    views = [part.view_as(tensor) for part, tensor in zip(parts, tensors, strict=True)]
    torch._foreach_copy_(tensors, views)


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
