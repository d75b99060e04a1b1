"""What is known of a step whose loss or gradients are not finite, as text and as a file."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from fastreid.utils import comm
from torch import Tensor, nn

from mdpr.engine.data_parallel import unwrapped
from mdpr.engine.steps.attempt import Attempt, Batch
from mdpr.files import write_atomically


def blamed_part(attempt: Attempt, losses_finite: bool) -> Attempt:
    """The batches of a process to blame for a step that is not finite, and what they gave.

    Args:
        attempt: the step, as this process saw it.
        losses_finite: whether the losses are finite in all processes.

    Returns:
        The batches with a bad loss; all of them where every loss is finite and the gradients are not; none
        where the fault is another process's.
    """
    finite = attempt.finite_losses().tolist()
    blamed = [i for i, is_finite in enumerate(finite) if losses_finite or not is_finite]
    return replace(
        attempt,
        batches=[attempt.batches[i] for i in blamed],
        random_states=[attempt.random_states[i] for i in blamed],
        losses=[attempt.losses[i] for i in blamed],
    )


def report_text(blamed: Attempt, reason: str) -> str:
    """For people: the iteration, every term, and the images; ``reason`` is "loss" or "gradients"."""
    what = "loss is" if reason == "loss" else "gradients are"
    lines = [
        f"the {what} not finite at iteration {blamed.iteration}, process {comm.get_rank()} "
        f"(length of the gradient: {float(blamed.gradient_norm):g})"
    ]
    for batch, losses in zip(blamed.batches, _terms(blamed), strict=True):
        width = max(map(len, losses))
        lines += [
            f"  {name:{width}}  {value:g}{'' if math.isfinite(value) else '  <-'}"
            for name, value in losses.items()
        ]
        lines.append("  images: " + ", ".join(map(str, batch.get("img_paths", ["not named"]))))
    return "\n".join(lines)


def save_step(path: Path, blamed: Attempt, reason: str, model: nn.Module, config: str) -> None:
    """Write everything that computes the step again.

    Args:
        path: the file.
        blamed: what to compute again.
        reason: "loss" or "gradients".
        model: with weights and buffers from before the step.
        config: the run's config as YAML.
    """
    content = {
        "reason": reason,
        "process": comm.get_rank(),
        "losses": _terms(blamed),
        "gradient_norm": float(blamed.gradient_norm),
        "batches": [_on_host(batch) for batch in blamed.batches],
        "random_states": blamed.random_states,
        "model": unwrapped(model).state_dict(),
        "config": config,
        "iteration": blamed.iteration,
    }
    with write_atomically(path, "wb") as file:
        torch.save(content, file)


def _terms(attempt: Attempt) -> list[dict[str, float]]:
    """Of each batch, its terms by name."""
    return [dict(zip(attempt.names, losses.tolist(), strict=True)) for losses in attempt.losses]


def _on_host(batch: Batch) -> dict[str, Any]:
    return {key: value.cpu() if isinstance(value, Tensor) else value for key, value in batch.items()}
