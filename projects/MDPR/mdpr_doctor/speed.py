"""Speed and memory of the recipe's network: a training step, and features, against the plain form."""

from dataclasses import asdict, dataclass
from typing import Any

import mdpr.host  # noqa: F401 - before fast-reid, which it mends
import torch
from mdpr.inference import deploy
from torch import Tensor, nn

from mdpr_doctor.configs import RECIPE, Options
from mdpr_doctor.finding import Finding, failed, ok
from mdpr_doctor.networks import (
    MOST_OVERFLOWS,
    make_network,
    make_step,
    median_seconds,
    random_batch,
    take_step,
)

_IDENTITIES = 16
_NOISE = 1.25  # what takes longer than the plain form times this is slower


@dataclass(frozen=True)
class Cost:
    """Seconds of a training step and of a batch's features, and the memory of a GPU that a step takes, in
    bytes; 0 on a CPU."""

    step: float
    features: float
    peak_bytes: int


def check_speed(
    device: str,
    precision: str = "float16",
    *,
    changes: Options | None = None,
    images: int = 64,
    repeats: int = 10,
) -> Finding:
    """Time the network as runs train it, as the paper has it (``MODEL.ACCELERATE False``), and deployed.

    Args:
        device: where to compute.
        precision: of the training step; features are in float32.
        changes: options on top of the recipe.
        images: in a batch, a multiple of 4.
        repeats: calls of which the median is taken.
    """
    recipe = {**RECIPE, "MODEL.HEADS.NUM_CLASSES": _IDENTITIES, **(changes or {})}
    batch = random_batch(device, images, tuple(recipe["INPUT.SIZE_TRAIN"]), _IDENTITIES)
    costs = {}
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=True):  # as runs have it
            for accelerate in (False, True):
                layers = {**recipe, "MODEL.ACCELERATE": accelerate}
                network: Any = make_network(device, layers)
                costs[accelerate] = _cost(network, batch, precision, layers, repeats)
            deployed = _seconds_of_features(deploy(network), batch, repeats)
    except torch.OutOfMemoryError as error:
        found = f"a batch of {images} does not fit: {str(error).partition('. ')[0]}"
        return failed(found, "SOLVER.IMS_PER_BATCH 32 SOLVER.ACCUMULATE 2, or close other programs")
    return judge(costs[False], costs[True], deployed, images)


def judge(plain: Cost, accelerated: Cost, deployed: float, images: int) -> Finding:
    """What the times say.

    Args:
        plain: of the plain form.
        accelerated: of that in which runs train.
        deployed: seconds of a batch's features by the deployed form.
        images: in a batch.
    """
    step, features = plain.step / accelerated.step, plain.features / accelerated.features
    found = (
        f"a step of {images}: {1000 * accelerated.step:.0f} ms ({step:.2f} x plain); features: "
        f"{images / accelerated.features:.0f} images/s ({features:.2f} x), deployed "
        f"{images / deployed:.0f} ({plain.features / deployed:.2f} x)"
    )
    if accelerated.peak_bytes:
        found += f"; a step takes {accelerated.peak_bytes / 2**30:.1f} GiB"
    details = {"plain": asdict(plain), "accelerated": asdict(accelerated), "deployed": deployed}
    if min(step, features) < 1 / _NOISE:
        return failed(found, "MODEL.ACCELERATE False is faster on this machine", **details)
    return ok(found, **details)


def _cost(
    network: nn.Module, batch: dict[str, Tensor], precision: str, layers: Options, repeats: int
) -> Cost:
    device = batch["images"].device
    step = make_step(network, batch, precision, layers)
    for _ in range(MOST_OVERFLOWS):  # steps of float16 that are left out cost less
        if not take_step(step):
            break
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    seconds = median_seconds(lambda: take_step(step), device, repeats)
    peak = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
    return Cost(seconds, _seconds_of_features(network, batch, repeats), peak)


def _seconds_of_features(network: nn.Module, batch: dict[str, Tensor], repeats: int) -> float:
    network.eval()
    images = batch["images"]
    with torch.inference_mode():
        return median_seconds(lambda: network(images), images.device, repeats)
