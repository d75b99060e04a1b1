"""The state of every random generator of a run, as plain values and tensors."""

import random
from typing import Any

import numpy as np
import torch
from fastreid.utils import comm

from mdpr.data.randomness import Purpose, seed_global_generators


def random_state() -> dict[str, Any]:
    """The generators' states of this process."""
    version, numbers, gauss_next = random.getstate()
    name, keys, *rest = np.random.get_state()
    state: dict[str, Any] = {
        "python": (version, list(numbers), gauss_next),
        "numpy": (name, np.asarray(keys).tolist(), *rest),
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_initialized():  # else this process uses none, and asking would take one
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def restore_random_state(states: list[dict[str, Any]], seed: int, steps: int) -> None:
    """Put this process's generators where they were.

    With another number of processes than before there is no state to go on from: the generators are
    then seeded by the seed, the rank and the step.

    Args:
        states: the `random_state` of every process, by rank.
        seed: ``SEED`` of the run.
        steps: steps that are done.
    """
    rank = comm.get_rank()
    if len(states) != comm.get_world_size():
        seed_global_generators(seed, Purpose.STEPS, rank, steps)
        torch.cuda.manual_seed(seed + rank + steps)
        return
    state = states[rank]
    version, numbers, gauss_next = state["python"]
    random.setstate((version, tuple(numbers), gauss_next))
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, np.array(keys, dtype=np.uint32), *rest))
    torch.set_rng_state(state["torch"])
    if "cuda" in state and torch.cuda.is_initialized():
        torch.cuda.set_rng_state(state["cuda"])
