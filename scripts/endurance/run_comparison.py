"""Whether two runs ended in the same state, to the last bit."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mdpr.checkpoint.reading import read_checkpoint
from mdpr.engine.reporting.scalar_reader import MEASURED_SCALARS

__all__ = ["MEASURED", "compare_runs", "differences"]

# Logged values that a clock or the machine gave, not the run.
MEASURED = ("time", *MEASURED_SCALARS)


def compare_runs(one: Path, other: Path) -> list[str]:
    """What differs between two finished runs.

    Args:
        one: folder of a run.
        other: folder of another.

    Returns:
        One line for each difference in the last checkpoint (weights, optimizer, schedules, random
        generators, ...), in ``metrics.json`` and in ``results.json``; times, speeds and memory are left out.
    """
    missing = [
        f"{name}: not in {folder.name}"
        for folder in (one, other)
        for name in ("model_final.pth", "metrics.json", "results.json")
        if not (folder / name).is_file()
    ]
    if missing:
        return missing
    states = [read_checkpoint(folder / "model_final.pth") for folder in (one, other)]
    for state in states:
        state["history"] = _without_measured(state["history"])
    found = [f"model_final.pth: {place}" for place in differences(states[0], states[1])]
    metrics = differences(_metrics(one), _metrics(other))
    found += [f"metrics.json: {place}" for place in metrics]
    results = [json.loads((folder / "results.json").read_text()) for folder in (one, other)]
    return found + [f"results.json: {place}" for place in differences(results[0], results[1])]


def differences(one: Any, other: Any, place: str = "") -> Iterator[str]:
    """Where two nested structures of tensors and plain values differ.

    Args:
        one: a structure.
        other: another.
        place: what it is, for the message.

    Yields:
        The places, with the values where they are short.
    """
    if type(one) is not type(other):
        yield f"{place}: {type(one).__name__} and {type(other).__name__}"
    elif isinstance(one, torch.Tensor):
        if one.dtype != other.dtype or not torch.equal(one, other):
            yield place
    elif isinstance(one, Mapping):
        for key in one.keys() ^ other.keys():
            yield f"{place}/{key}: only in one of them"
        for key in one.keys() & other.keys():
            yield from differences(one[key], other[key], f"{place}/{key}")
    elif isinstance(one, Sequence) and not isinstance(one, str):
        if len(one) != len(other):
            yield f"{place}: {len(one)} and {len(other)} items"
        for number, pair in enumerate(zip(one, other, strict=False)):
            yield from differences(*pair, f"{place}/{number}")
    elif one != other and not (isinstance(one, float) and math.isnan(one) and math.isnan(other)):
        yield f"{place}: {one} and {other}"


def _metrics(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "metrics.json").read_text().splitlines()
    return [_without_measured(json.loads(line)) for line in lines]


def _without_measured(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in MEASURED}
