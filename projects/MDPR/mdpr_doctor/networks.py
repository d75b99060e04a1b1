"""Networks of the checks, and steps of their training, on any device."""

import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import mdpr.host  # noqa: F401 - before fast-reid, which it mends
import torch
from fastreid.utils.events import EventStorage
from mdpr.compat.optimizer import build_optimizer
from mdpr.engine.network import build_network
from mdpr.engine.setup import make_config
from mdpr.engine.steps import TrainingStep
from mdpr.engine.steps.mixed_precision import Precision
from torch import Tensor, nn

from mdpr_doctor.configs import Options, options

MOST_OVERFLOWS = 30
"""Steps after which the gradient scaler of float16, which halves its factor at each, must have found one."""
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def make_network(device: str, *layers: Options) -> nn.Module:
    """Build the network of some options, on a device, from a fixed seed."""
    torch.manual_seed(0)
    cfg, _ = make_config("", options(*layers, {"MODEL.DEVICE": device}))
    return build_network(cfg)


def random_batch(device: str, images: int, size: tuple[int, int], identities: int) -> dict[str, Tensor]:
    """A batch as fast-reid's, on a device: noise, four images an identity, the identities from 0 in turn."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (images, 3, *size), generator=generator).float()
    targets = torch.arange(images) // 4 % identities
    return {"images": pixels.to(device), "targets": targets.to(device)}


def make_step(
    network: nn.Module, batch: Mapping[str, Tensor], precision: str, *layers: Options
) -> TrainingStep:
    """The training step of a run, on one batch again and again."""
    device = next(network.parameters()).device
    cfg, _ = make_config("", options(*layers, {"MODEL.DEVICE": str(device)}))
    optimizer, groups = build_optimizer(cfg, network)
    dtype = Precision(PRECISIONS[precision])
    network.train()
    step = TrainingStep(network, itertools.repeat(dict(batch)), optimizer, groups, precision=dtype)
    step.iter = 0
    return step


def take_step(step: TrainingStep) -> bool:
    """Take one step; whether float16 overflowed, so that the weights stayed."""
    factor = 0.0 if step.grad_scaler is None else step.grad_scaler.get_scale()
    with EventStorage(step.iter):
        step.run_step()
    step.settle()  # on a GPU it is not known before what became of it
    step.iter += 1
    return step.grad_scaler is not None and step.grad_scaler.get_scale() < factor


@contextmanager
def exact_float32() -> Iterator[None]:
    """float32 is float32: without the TensorFloat-32 that convolutions of NVIDIA GPUs round to by default."""
    products, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    before = products.allow_tf32, convolutions.allow_tf32
    try:
        products.allow_tf32 = convolutions.allow_tf32 = False
        yield
    finally:
        products.allow_tf32, convolutions.allow_tf32 = before


def median_seconds(work: Callable[[], object], device: torch.device, repeats: int) -> float:
    """Median time of a call, after three that are not counted; what a GPU has to do is waited for.

    Args:
        work: what is timed.
        device: where it computes.
        repeats: calls that are counted.
    """
    wait = (lambda: torch.cuda.synchronize(device)) if device.type == "cuda" else (lambda: None)
    times = []
    for _ in range(3 + repeats):
        wait()
        started = time.perf_counter()
        work()
        wait()
        times.append(time.perf_counter() - started)
    return statistics.median(times[3:])
