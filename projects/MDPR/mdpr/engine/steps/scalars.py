"""Losses and other scalars of a step, kept on the device until somebody wants to see them.

Reading a number from a GPU waits for everything the GPU has yet to do. fast-reid reads every loss at
every step, and the accuracy in the middle of each forward pass.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from fastreid.utils import comm
from fastreid.utils.events import EventStorage
from torch import Tensor


class CapturedScalars(EventStorage):
    """Stands in for the run's storage during a forward pass and keeps scalars as tensors.

    Args:
        outside: the run's storage, which still gets pictures and histograms.

    Attributes:
        scalars: by name, what was put last.
    """

    def __init__(self, outside: EventStorage) -> None:
        super().__init__()
        self._outside = outside
        self.scalars: dict[str, Tensor] = {}

    def put_scalar(self, name: str, value: Any, smoothing_hint: bool = True) -> None:
        """Keep ``value`` without reading it.

        Args:
            name: name in the log.
            value: a number, or a tensor of one element.
            smoothing_hint: of fast-reid's signature; what is kept here is averaged anyway.
        """
        self.scalars[name] = torch.as_tensor(value).detach().reshape(())

    def put_image(self, img_name: str, img_tensor: Any) -> None:
        """Hand a picture on."""
        self._outside.put_image(img_name, img_tensor)

    def put_histogram(self, hist_name: str, hist_tensor: Tensor, bins: int = 1000) -> None:
        """Hand a histogram on."""
        self._outside.put_histogram(hist_name, hist_tensor, bins)


@dataclass
class _Sum:
    values: Tensor  # (K,) float64, on the device
    steps: int


class ScalarMeans:
    """Means over the steps since the last reading, summed on the device.

    It has a state, so that a run that resumes between two readings logs the same means.
    """

    def __init__(self) -> None:
        # By names: a model may return other terms at other times.
        self._sums: dict[tuple[str, ...], _Sum] = {}

    def add(self, names: Sequence[str], values: Tensor) -> None:
        """Take the scalars of one step.

        Args:
            names: K names, the same ones in the same order in every process.
            values: (K,) on the device.
        """
        key, values = tuple(names), values.detach().double()
        before = self._sums.get(key)
        if before is None:
            self._sums[key] = _Sum(values, 1)
        else:
            self._sums[key] = _Sum(before.values.to(values.device) + values, before.steps + 1)

    def read(self) -> dict[str, float]:
        """Means since the last reading, over all processes, each of which has to call this.

        Returns:
            By name; empty where there was no step.
        """
        processes = comm.get_world_size()
        if processes > 1:
            for part in self._sums.values():
                dist.all_reduce(part.values)
                part.values /= processes
        means = self.peek()
        self._sums = {}
        return means

    def peek(self) -> dict[str, float]:
        """Means since the last reading in this process alone; the next reading is as without it."""
        return {
            name: mean
            for names, part in self._sums.items()
            for name, mean in zip(names, (part.values / part.steps).tolist(), strict=True)
        }

    def state_dict(self) -> dict[str, Any]:
        """What has not been read yet, of this process."""
        return {
            "unread": [
                {"names": list(names), "values": part.values.cpu(), "steps": part.steps}
                for names, part in self._sums.items()
            ]
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from `state_dict`."""
        self._sums = {
            tuple(part["names"]): _Sum(part["values"].clone(), part["steps"]) for part in state["unread"]
        }
