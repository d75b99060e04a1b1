"""What is known of a step whose loss or gradients are not finite, as text and as a file."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from fastreid.utils import comm
from torch import Tensor, nn

from mdpr.engine.data_parallel import unwrapped
from mdpr.engine.steps.attempt import Attempt, Batch
from mdpr.files import write_atomically


@dataclass(frozen=True)
class NonFiniteReport:
    """One process's part in a step that is not finite.

    Attributes:
        iteration: of the run.
        reason: "loss" or "gradients".
        batches: the batches to blame: those with a bad loss; all of them where every loss is finite and
            the gradients are not; none where the fault is another process's.
        random_states: of each, before its forward pass.
        losses: of each, its terms by name.
        gradient_norm: length of the averaged gradient.
    """

    iteration: int
    reason: str
    batches: list[Batch]
    random_states: list[dict[str, Tensor]]
    losses: list[dict[str, float]]
    gradient_norm: float

    @classmethod
    def of(cls, attempt: Attempt, losses_finite: bool) -> "NonFiniteReport":
        """
        Args:
            attempt: the step, as this process saw it.
            losses_finite: whether the losses are finite in all processes.
        """
        finite = attempt.finite_losses().tolist()
        blamed = [i for i, is_finite in enumerate(finite) if losses_finite or not is_finite]
        return cls(
            iteration=attempt.iteration,
            reason="gradients" if losses_finite else "loss",
            batches=[attempt.batches[i] for i in blamed],
            random_states=[attempt.random_states[i] for i in blamed],
            losses=[dict(zip(attempt.names, attempt.losses[i].tolist(), strict=True)) for i in blamed],
            gradient_norm=float(attempt.gradient_norm),
        )

    def message(self) -> str:
        """For people: the iteration, every term, and the images."""
        what = "loss is" if self.reason == "loss" else "gradients are"
        lines = [
            f"the {what} not finite at iteration {self.iteration}, process {comm.get_rank()} "
            f"(length of the gradient: {self.gradient_norm:g})"
        ]
        for batch, losses in zip(self.batches, self.losses, strict=True):
            width = max(map(len, losses))
            lines += [
                f"  {name:{width}}  {value:g}{'' if math.isfinite(value) else '  <-'}"
                for name, value in losses.items()
            ]
            lines.append("  images: " + ", ".join(map(str, batch.get("img_paths", ["not named"]))))
        return "\n".join(lines)

    def save(self, path: Path, model: nn.Module, *, config: str) -> None:
        """Write everything that computes the step again.

        Args:
            path: the file.
            model: with weights and buffers from before the step.
            config: the run's config as YAML.
        """
        content = {
            "reason": self.reason,
            "process": comm.get_rank(),
            "losses": self.losses,
            "gradient_norm": self.gradient_norm,
            "batches": [_on_host(batch) for batch in self.batches],
            "random_states": self.random_states,
            "model": unwrapped(model).state_dict(),
            "config": config,
            "iteration": self.iteration,
        }
        with write_atomically(path, "wb") as file:
            torch.save(content, file)


def _on_host(batch: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value.cpu() if isinstance(value, Tensor) else value for key, value in batch.items()}
