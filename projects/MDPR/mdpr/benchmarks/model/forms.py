"""The forms of the network that are compared, each ready to be called."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from fastreid.config import CfgNode
from fastreid.modeling.meta_arch import build_model
from fastreid.utils.events import EventStorage
from torch import Tensor, nn

from mdpr.compat.optimizer import build_optimizer
from mdpr.engine.network import build_network
from mdpr.engine.setup import make_config
from mdpr.host import keep_freed_memory
from mdpr.inference import deploy

__all__ = ["EVAL_FORMS", "PLAIN", "TRAIN_FORMS", "Form", "Network", "eval_form", "train_form"]

PLAIN = "plain"
EVAL_FORMS = (PLAIN, "accelerated", "deploy", "deploy bf16", "compiled", "compiled bf16")
TRAIN_FORMS = (PLAIN, "fp32", "bf16", "fp32 recompute", "bf16 recompute")
NUM_CLASSES = 702  # training identities of DukeMTMC-reID


@dataclass(frozen=True)
class Network:
    """What is built, and what it is given.

    ``depth`` is fast-reid's, such as "50x"; ``size`` is height and width in pixels.
    """

    depth: str
    ibn: bool
    size: tuple[int, int]
    batch: int

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
            *("MODEL.BACKBONE.WITH_IBN", self.ibn, "MODEL.HEADS.NUM_CLASSES", NUM_CLASSES),
            *("INPUT.SIZE_TRAIN", list(self.size), "INPUT.SIZE_TEST", list(self.size)),
            *("SOLVER.AMP.ENABLED", False, *options),
        ]
        return make_config(base, settings)[0]

    def images(self) -> Tensor:
        """(batch, 3, height, width) RGB in 0..255."""
        return torch.randint(0, 256, (self.batch, 3, *self.size)).float()


@dataclass(frozen=True)
class Form:
    """A network in one form: ``run`` makes features, or one training step; ``model`` is what it uses."""

    run: Callable[[], Any]
    model: nn.Module
    # What is counted where ``run`` hides its operations from counting.
    counted: Callable[[], Any]


def eval_form(name: str, network: Network, base: str) -> Form:
    """Features of a batch.

    Args:
        name: one of ``EVAL_FORMS``.
        network: what to build.
        base: path of the config it is built from.
    """
    images = network.images()
    build = build_model if name == PLAIN else build_network
    model: Any = build(network.config(base)).eval()
    if name not in (PLAIN, "accelerated"):
        dtype = torch.bfloat16 if name.endswith("bf16") else torch.float32
        model = deploy(model, dtype=dtype, compile=name.startswith("compiled"))

    @torch.no_grad()
    def run() -> Tensor:
        return model(images)

    @torch.no_grad()
    def counted() -> Tensor:
        return model.network.embed(images.to(model.dtype)) if name.startswith("compiled") else run()

    return Form(run, model, counted)


def train_form(name: str, network: Network, base: str) -> Form:
    """Training steps on one batch: losses, gradients, optimizer.

    The plain form's step is fast-reid's, which drops the old gradients after the new losses are there.

    Args:
        name: one of ``TRAIN_FORMS``.
        network: what to build; its batch has four images of each identity.
        base: path of the config it is built from.
    """
    recomputes = ("MODEL.MDPR.RECOMPUTE_ACTIVATIONS", name.endswith("recompute"))
    cfg = network.config(base, *recomputes)
    model: Any = (build_model if name == PLAIN else build_network)(cfg).train()
    if name != PLAIN:
        keep_freed_memory()  # as training does
    optimizer, _ = build_optimizer(cfg, model)
    batch = {"images": network.images(), "targets": torch.arange(network.batch) // 4}
    half = name.startswith("bf16")

    def losses() -> Tensor:
        precision = torch.autocast("cpu", dtype=torch.bfloat16) if half else nullcontext()
        with EventStorage(), precision:
            return sum(model(batch).values())

    def run() -> None:
        if name != PLAIN:
            optimizer.zero_grad()
        total = losses()
        if name == PLAIN:
            optimizer.zero_grad()
        total.backward()
        optimizer.step()

    def counted() -> None:
        losses().backward()

    return Form(run, model, counted)
