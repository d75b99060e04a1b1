"""The forms of the network that are compared, each ready to be called."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from fastreid.config import CfgNode
from fastreid.modeling.meta_arch import build_model
from fastreid.utils.events import EventStorage
from mdpr.compat.optimizer import build_optimizer
from mdpr.engine.network import build_network
from mdpr.engine.setup import make_config
from mdpr.host import keep_freed_memory
from mdpr.inference import deploy
from mdpr.kernels import KERNELS, accelerate
from torch import Tensor

PLAIN, ACCELERATED, ONLY = "plain", "accelerated", "only "
ONE_KERNEL = tuple(f"{ONLY}{name}" for name in KERNELS)
EVAL_FORMS = (PLAIN, ACCELERATED, "deploy", "deploy bf16", "compiled", "compiled bf16")
TRAIN_FORMS = (PLAIN, "fp32", "bf16", "fp32 recompute", "bf16 recompute")
NUM_CLASSES = 702  # training identities of DukeMTMC-reID


@dataclass(frozen=True)
class Network:
    """What is built, and what it is given.

    ``depth`` is fast-reid's, such as "50x"; ``size`` is height and width in pixels; ``width`` that of the
    method's embeddings in channels.
    """

    depth: str
    ibn: bool
    size: tuple[int, int]
    batch: int
    width: int = 512

    @property
    def name(self) -> str:
        """As in tables: R50, R101-IBN."""
        return f"R{self.depth.removesuffix('x')}{'-IBN' if self.ibn else ''}"

    def config(self, base: str, *options: Any) -> CfgNode:
        """A full config with random weights, on the CPU.

        Args:
            base: path of a YAML file.
            options: further keys and values.
        """
        channels = 512 if self.depth in ("18x", "34x") else 2048
        settings: list[Any] = [
            *("MODEL.DEVICE", "cpu", "MODEL.BACKBONE.PRETRAIN", False),
            *("MODEL.BACKBONE.DEPTH", self.depth, "MODEL.BACKBONE.FEAT_DIM", channels),
            *("MODEL.MDPR.EMBEDDING_DIM", self.width, "MODEL.BACKBONE.WITH_IBN", self.ibn),
            *("MODEL.HEADS.NUM_CLASSES", NUM_CLASSES),
            *("INPUT.SIZE_TRAIN", list(self.size), "INPUT.SIZE_TEST", list(self.size)),
            *("SOLVER.AMP.ENABLED", False, *options),
        ]
        return make_config(base, settings)[0]

    def images(self) -> Tensor:
        """(batch, 3, height, width) RGB in 0..255."""
        return torch.randint(0, 256, (self.batch, 3, *self.size)).float()


def runs_plainly(form: str) -> bool:
    """Whether it is the plain form, or that with one kernel, which runs under the same conditions.

    These are the system's own settings of memory, and fast-reid's order of a training step.
    """
    return form == PLAIN or form.startswith(ONLY)


def network_of(form: str, cfg: CfgNode) -> Any:
    """The network of a config, plain, with one kernel, or with all."""
    if runs_plainly(form):
        return accelerate(build_model(cfg), only=[name for name in KERNELS if form == ONLY + name])
    return build_network(cfg)


def eval_form(name: str, network: Network, base: str) -> tuple[Callable[[], Any], Any]:
    """Features of a batch.

    Args:
        name: one of ``EVAL_FORMS`` or ``ONE_KERNEL``.
        network: what to build.
        base: path of the config it is built from.

    Returns:
        What makes them, and the model it uses.
    """
    images = network.images()
    model = network_of(name, network.config(base)).eval()
    if name.startswith(("deploy", "compiled")):
        dtype = torch.bfloat16 if name.endswith("bf16") else torch.float32
        model = deploy(model, dtype=dtype, compile=name.startswith("compiled"))

    @torch.no_grad()
    def run() -> Tensor:
        return model(images)

    return run, model


def train_form(name: str, network: Network, base: str) -> tuple[Callable[[], Any], Any]:
    """Training steps on one batch: losses, gradients, optimizer.

    Args:
        name: one of ``TRAIN_FORMS`` or ``ONE_KERNEL``.
        network: what to build; its batch has four images of each identity.
        base: path of the config it is built from.

    Returns:
        What makes a step, and the model it uses.
    """
    cfg = network.config(base, "MODEL.MDPR.RECOMPUTE_ACTIVATIONS", name.endswith("recompute"))
    model = network_of(name, cfg).train()
    if not runs_plainly(name):
        keep_freed_memory()  # as training does
    optimizer, _ = build_optimizer(cfg, model)
    batch = {"images": network.images(), "targets": torch.arange(network.batch) // 4}
    half = name.startswith("bf16")

    def run() -> None:
        if not runs_plainly(name):
            optimizer.zero_grad()
        with EventStorage(), torch.autocast("cpu", torch.bfloat16) if half else nullcontext():
            total = sum(model(batch).values())
        if runs_plainly(name):  # fast-reid keeps the old gradients until here
            optimizer.zero_grad()
        total.backward()
        optimizer.step()

    return run, model
