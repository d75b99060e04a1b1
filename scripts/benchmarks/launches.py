"""Count what a training step asks of a GPU: kernels launched, and times the host waits for it.

No GPU is needed: the step runs on PyTorch's meta device, where each operation is known and none is computed.
"""

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from itertools import repeat
from pathlib import Path
from typing import Any
from unittest import mock

import mdpr
import torch
from fastreid.config import CfgNode, get_cfg
from fastreid.modeling.meta_arch import build_model
from fastreid.solver import build_optimizer
from fastreid.utils.events import EventStorage
from mdpr.engine.steps import TrainingStep
from mdpr.engine.steps.ema import AveragedWeights
from mdpr.engine.steps.mixed_precision import Precision
from tabulate import tabulate
from torch import Tensor
from torch.optim import adam
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

ROOT = Path(__file__).resolve().parents[2]
TENSORS_A_LAUNCH = {1: 110, 2: 64, 3: 48, 4: 36, 5: 30}  # of CUDA's multi-tensor kernels, by lists of tensors
BLOCKS_A_LAUNCH, NUMBERS_A_BLOCK = 320, 65536
PARTS_A_CONCATENATION = 128
# They make or describe memory, and launch nothing.
FREE = {"empty", "empty_like", "empty_strided", "new_empty", "detach", "alias", "lift_fresh", "_unsafe_view"}
READINGS = {"_local_scalar_dense", "nonzero", "is_nonzero", "equal"}


class Counter(TorchDispatchMode):
    """Counts launches and waits of what runs within it, and lets the meta device pass for a GPU."""

    def __init__(self) -> None:
        super().__init__()
        self.launches = self.waits = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, kwargs = function.overloadpacket.__name__, kwargs or {}
        on_device = any(_is_meta(value) for value in tree_leaves((args, kwargs)))
        if not on_device:
            return function(*args, **kwargs)
        if name in READINGS:
            self.waits += 1
            return 1.0 if name == "_local_scalar_dense" else function(*args, **kwargs)
        target = kwargs.get("device")
        if name == "_to_copy" and target is not None and torch.device(target).type == "cpu":
            self.waits += not kwargs.get("non_blocking", False)
            return torch.zeros(args[0].shape, dtype=kwargs.get("dtype", args[0].dtype))
        if name not in FREE and not function.is_view:
            self.launches += launches_of(name, args)
        if name.startswith("_fused_"):
            return None  # in place, and not made for the meta device
        return function(*args, **kwargs)


def launches_of(name: str, args: Sequence[Any]) -> int:
    """Kernels behind one operation of PyTorch on CUDA: one, but for those on lists of tensors."""
    lists = [arg for arg in args if isinstance(arg, list | tuple) and arg and isinstance(arg[0], Tensor)]
    if name in ("cat", "stack"):
        return math.ceil(len(lists[0]) / PARTS_A_CONCATENATION)
    if not name.startswith(("_foreach_", "_fused_")):
        return 1
    if any(len({tensor.dtype for tensor in tensors}) > 1 for tensors in lists):
        return len(lists[0])  # one after the other
    lists = lists[:5]
    blocks = sum(math.ceil(tensor.numel() / NUMBERS_A_BLOCK) for tensor in lists[0])
    return max(math.ceil(len(lists[0]) / TENSORS_A_LAUNCH[len(lists)]), math.ceil(blocks / BLOCKS_A_LAUNCH))


def _is_meta(value: Any) -> bool:
    return isinstance(value, Tensor) and value.device.type == "meta"


def count_step(cfg: CfgNode, *, averaged: bool) -> dict[str, int]:
    """Launches of a step after the first, by part, and waits of the whole step."""
    with torch.device("meta"):
        model = build_model(cfg)
    batch = {
        "images": torch.empty(cfg.SOLVER.IMS_PER_BATCH, 3, *cfg.INPUT.SIZE_TRAIN, device="meta"),
        "targets": torch.empty(cfg.SOLVER.IMS_PER_BATCH, dtype=torch.int64, device="meta"),
    }
    step = TrainingStep(
        model,
        repeat(batch),
        *build_optimizer(cfg, model),
        precision=Precision.from_config(cfg),
        averaged=AveragedWeights(model, 0.999) if averaged else None,
    )
    parts = {"forward": 0, "backward": 0}
    step.iter = 0
    with EventStorage(), Counter() as counter, _meta_passes_for_a_gpu(counter):
        step.run_step()
        before = counter.launches, counter.waits
        with (
            mock.patch.object(model, "forward", _counting(model.forward, counter, parts, "forward")),
            mock.patch.object(Tensor, "backward", _counting(Tensor.backward, counter, parts, "backward")),
        ):
            step.run_step()
    total = counter.launches - before[0]
    return {**parts, "rest": total - sum(parts.values()), "waits": counter.waits - before[1]}


def _counting(function: Callable[..., Any], counter: Counter, parts: dict[str, int], name: str) -> Any:
    def counted(*args: Any, **kwargs: Any) -> Any:
        before = counter.launches
        result = function(*args, **kwargs)
        parts[name] += counter.launches - before
        return result

    return counted


@contextmanager
def _meta_passes_for_a_gpu(counter: Counter) -> Iterator[None]:
    """``tolist`` waits for a GPU, and goes by no operation that a mode would see."""
    read = Tensor.tolist

    def tolist(tensor: Tensor) -> Any:
        if not _is_meta(tensor):
            return read(tensor)
        counter.waits += 1
        return read(torch.zeros(tensor.shape))

    # The meta device has no lower precision; what is counted runs in float32.
    no_autocast = mock.patch.object(torch, "autocast", lambda **_: nullcontext())
    fused = mock.patch.object(adam, "_device_dtype_check_for_fused", lambda *_: None)
    with mock.patch.object(Tensor, "tolist", tolist), no_autocast, fused:
        yield


def config_of(file: Path) -> CfgNode:
    cfg = get_cfg()
    mdpr.add_mdpr_config(cfg)
    cfg.merge_from_file(str(file))
    options = {
        "MODEL.DEVICE": "meta",
        "MODEL.BACKBONE.PRETRAIN": False,
        "MODEL.HEADS.NUM_CLASSES": 702,
        "SOLVER.AMP.ENABLED": False,
        "SOLVER.IMS_PER_BATCH": 16,
    }
    cfg.merge_from_list([part for item in options.items() for part in item])
    return cfg


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config-file", type=Path, default=ROOT / "configs/Duke/mdpr_R50.yml")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    options = parser.parse_args(arguments)
    cfg = config_of(options.config_file)
    counts = {
        "a step": count_step(cfg, averaged=False),
        "with averaged weights": count_step(cfg, averaged=True),
    }
    rows = [{"": name, **count} for name, count in counts.items()]
    print(tabulate(rows, headers="keys", tablefmt="github"))
    if options.json:
        options.json.write_text(json.dumps(counts, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
