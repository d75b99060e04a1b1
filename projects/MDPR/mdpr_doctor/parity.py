"""Agreement with the authors' release: features, losses term by term, gradients, on the fixture's weights.

In half precision one step of the whole network is compared, and every term is in the JSON file.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import mdpr.host  # noqa: F401 - before fast-reid, which it mends
import numpy as np
import torch
from fastreid.utils.events import EventStorage
from mdpr.checkpoint import convert_official_state_dict, to_official_state_dict
from mdpr.engine.steps.mixed_precision import Precision
from torch import nn

from mdpr_doctor import reference
from mdpr_doctor.configs import RECIPE
from mdpr_doctor.finding import Finding, failed, ok
from mdpr_doctor.networks import PRECISIONS, exact_float32, make_network

TOLERANCES = {"float32": 1e-3, "bfloat16": 5e-2, "float16": 5e-2}
"""Of each relative difference that is judged. In float32 these are all; in half precision the features, the
total loss and the length of the gradient: a single small term may be further off."""
_NEGLIGIBLE = 1e-6  # gradients of this length are compared by what they differ


def check_parity(device: str, precision: str = "float32", runs: Sequence[str] = reference.RUNS) -> Finding:
    """Compare with the fixtures.

    Args:
        device: where to compute.
        precision: of the forward pass. Single gradients are compared in float64, beside float32 only, as one
            ReLU close to zero may open or close by rounding.
        runs: names of fixtures.
    """
    with exact_float32():
        compared = {name: _compare(reference.run(name), device, precision) for name in runs}
    every = [numbers["judged"] for numbers in compared.values()]
    judged = {name: _largest(numbers[name] for numbers in every) for name in every[0]}
    found = "largest difference: " + ", ".join(f"{name} {value:.0e}" for name, value in judged.items())
    tolerance = TOLERANCES[precision]
    if not _largest(judged.values()) <= tolerance:  # NaN is not
        advice = "numbers of this machine are not the method's: try other versions of torch, driver, cuDNN"
        return failed(f"{found} (allowed: {tolerance:g})", advice, **compared)
    return ok(found, **compared)


def _compare(run: dict[str, Any], device: str, precision: str) -> dict[str, dict[str, float]]:
    network = make_network(device, RECIPE, reference.options(run))
    weights = convert_official_state_dict(reference.state_dict(run["state_dict_shapes"]))
    network.load_state_dict(weights, strict=True)
    batch = reference.batch(run, device)
    autocast = Precision(PRECISIONS[precision]).autocast
    with torch.no_grad(), autocast(torch.device(device)):
        features = network.eval()(batch).double().cpu()
    expected = torch.from_numpy(run["eval_features"]).double()
    with EventStorage(), autocast(torch.device(device)):
        losses = network.train()(batch)
    total = sum(losses.values())
    total.backward()
    lengths = {name: length for name, length in run["grad_norms"].items() if length is not None}
    terms = _relative({name: loss.item() for name, loss in losses.items()}, run["losses"])
    judged = {
        "features": ((features - expected).abs().max() / expected.abs().max()).item(),
        "total loss": abs(total.item() / run["total_loss"] - 1),
        "gradient": abs(_length(_gradients(network).values()) / _length(lengths.values()) - 1),
    }
    if precision != "float32":
        return {"judged": judged, "losses": terms, "gradients": _relative(_gradients(network), lengths)}
    network.load_state_dict(weights)
    network.double().zero_grad()
    with EventStorage():
        sum(network(batch).values()).backward()
    gradients = _relative(_gradients(network), lengths)
    judged |= {"one loss": _largest(terms.values()), "one gradient, float64": _largest(gradients.values())}
    return {"judged": judged, "losses": terms, "gradients in float64": gradients}


def _gradients(network: nn.Module) -> dict[str, float]:
    """Lengths of the gradients, by official name."""
    frozen = torch.zeros(0)
    tensors = {n: frozen if p.grad is None else p.grad for n, p in network.named_parameters()}
    return {name: tensor.double().norm().item() for name, tensor in to_official_state_dict(tensors).items()}


def _length(lengths: Iterable[float]) -> float:
    return math.sqrt(sum(length**2 for length in lengths))


def _largest(numbers: Iterable[float]) -> float:
    """The largest number, NaN where there is one."""
    return float(np.max(list(numbers)))


def _relative(found: Mapping[str, float], expected: Mapping[str, float]) -> dict[str, float]:
    """Relative differences by name.

    Raises:
        KeyError: one that is expected was not found.
    """
    return {name: abs(found[name] - value) / max(abs(value), _NEGLIGIBLE) for name, value in expected.items()}
