"""Compute a step again that was not finite, and find where it stops being so."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from fastreid.config import CfgNode
from fastreid.utils.events import EventStorage
from torch import Tensor, nn

from mdpr.checkpoint.reading import read_checkpoint
from mdpr.engine.network import build_network
from mdpr.engine.steps.attempt import use_random_state
from mdpr.engine.steps.mixed_precision import Precision
from mdpr.errors import CheckpointError

NEEDED = ("batches", "config", "iteration", "losses", "model", "random_states", "reason")


@dataclass
class Replay:
    """What came out of a step computed again.

    Attributes:
        losses: the terms by name.
        bad_weights: names of weights and buffers that are not finite before the step.
        images_finite: whether the batch itself is.
        first_output: where the forward pass stops being finite, in words: path and class of the module, how
            many values, and its input; None where it does not within a module.
        first_gradient: module to whose output the first bad gradient belongs, in the order of the
            backward pass; None where there was none, or no backward pass.
        bad_gradients: names of parameters whose gradients are not finite.
        anomaly: what autograd's anomaly detection found.
    """

    losses: dict[str, float] = field(default_factory=dict)
    bad_weights: list[str] = field(default_factory=list)
    images_finite: bool = True
    first_output: str | None = None
    first_gradient: str | None = None
    bad_gradients: list[str] = field(default_factory=list)
    anomaly: str | None = None

    @property
    def is_finite(self) -> bool:
        """Whether nothing was wrong this time."""
        losses = torch.tensor(list(self.losses.values()))
        return bool(losses.isfinite().all()) and not self.bad_gradients


class SavedStep:
    """The content of a ``nonfinite.pth``.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: it is no saved step, or damaged.
    """

    def __init__(self, path: str | Path) -> None:
        content = read_checkpoint(path)
        missing = [key for key in NEEDED if key not in content]
        if missing:
            raise CheckpointError(
                f"{path} is no saved step (it has no {missing[0]!r}): expected the nonfinite.pth that "
                "training leaves in its OUTPUT_DIR"
            )
        self.content = content
        self.config: CfgNode = CfgNode.load_cfg(content["config"])

    @property
    def batches(self) -> Sequence[Mapping[str, Any]]:
        """The batches to blame."""
        return self.content["batches"]

    def replay(
        self, index: int = 0, *, device: str = "cpu", float32: bool = False, anomaly: bool = False
    ) -> Replay:
        """Compute the forward pass of one batch again, and where that is finite the backward pass.

        Args:
            index: of the batch.
            device: where to compute.
            float32: leave out mixed precision, to see whether it is to blame.
            anomaly: run the backward pass in any case, under autograd's anomaly detection.
        """
        place = torch.device(device)
        model = self._model(device)
        batch = {
            key: value.to(place) if isinstance(value, Tensor) else value
            for key, value in self.batches[index].items()
        }
        result = Replay(
            bad_weights=[name for name, value in model.state_dict().items() if not _finite(value)],
            images_finite=all(_finite(value) for value in _tensors(batch)),
        )
        precision = Precision(torch.float32) if float32 else Precision.from_config(self.config)
        watching = torch.autograd.detect_anomaly() if anomaly else nullcontext()
        with use_random_state(self.content["random_states"][index], place), watching:
            _watch(model, result)
            with EventStorage(), precision.autocast(place):
                losses = model(batch)
            result.losses = {name: float(loss.detach()) for name, loss in losses.items()}
            if anomaly or result.is_finite:
                _backward(model, sum(losses.values()), result, anomaly)
        return result

    def _model(self, device: str) -> nn.Module:
        cfg = self.config.clone()
        cfg.MODEL.DEVICE = device
        cfg.MODEL.BACKBONE.PRETRAIN = False  # the weights are in the file
        model = build_network(cfg)
        model.load_state_dict(self.content["model"])
        return model.train()


def _watch(model: nn.Module, result: Replay) -> None:
    for name, module in model.named_modules():
        label = f"{name or 'the model'} ({type(module).__name__})"
        module.register_forward_hook(partial(_look_at_output, label, result))


def _look_at_output(label: str, result: Replay, _: nn.Module, inputs: Any, output: Any) -> None:
    outputs = list(_tensors(output))
    if result.first_output is None and not all(map(_finite, outputs)):
        given = [value for value in _tensors(inputs) if value.is_floating_point()]
        bad = sum(int((~value.isfinite()).sum()) for value in outputs)
        result.first_output = (
            f"{label}: {bad:,} of {sum(value.numel() for value in outputs):,} values; its input is "
            f"{'finite' if all(map(_finite, given)) else 'not finite either'} "
            f"(largest finite magnitude {max(map(_largest, given), default=0.0):g})"
        )
    for value in outputs:
        if value.requires_grad:
            value.register_hook(partial(_look_at_gradient, label, result))


def _look_at_gradient(label: str, result: Replay, gradient: Tensor) -> None:
    if result.first_gradient is None and not _finite(gradient):
        result.first_gradient = label


def _backward(model: nn.Module, total: Any, result: Replay, anomaly: bool) -> None:
    try:
        total.backward()
    except RuntimeError as error:
        if not anomaly:
            raise
        result.anomaly = str(error).splitlines()[0]
    result.bad_gradients = [
        name for name, p in model.named_parameters() if p.grad is not None and not _finite(p.grad)
    ]


def _tensors(value: Any) -> Iterator[Tensor]:
    """All tensors within nested containers and data classes."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        yield from _tensors(list(value.values()))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _tensors(part)
    elif dataclasses.is_dataclass(value):
        yield from _tensors([getattr(value, part.name) for part in dataclasses.fields(value)])


def _finite(value: Tensor) -> bool:
    return bool(value.isfinite().all())


def _largest(value: Tensor) -> float:
    magnitudes = value.detach().float().abs()
    finite = magnitudes[magnitudes.isfinite()]
    return float(finite.max()) if finite.numel() else 0.0
