"""The reference runs: deterministic weights and images, and the numbers computed from them.

Every tensor is a pure function of its name in the authors' release, so a reference run needs no weight
file. NumPy's PCG64 stream is stable across platforms and versions.
"""

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch

FIXTURES = Path(__file__).resolve().parent / "fixtures"
RUNS = ("official_r18", "official_r18_ibn_p3_m3")
_OPTION_NAMES = {
    "MODEL.BACKBONE.EMBEDDING_DIM": "MODEL.MDPR.EMBEDDING_DIM",
    "PART_NUM": "MODEL.MDPR.NUM_PARTS",
    "ATTN_NUM": "MODEL.MDPR.NUM_ATTENTIONS",
}
# Norms that end a residual block: damped, so that deep nets stay finite.
RESIDUAL_TAIL = (".bn2.weight", ".bn3.weight")


def weight(name: str, shape: tuple[int, ...]) -> np.ndarray:  # noqa: PLR0911 - one for each kind
    """The tensor that the reference runs stored under an official name."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    if name.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    if name.endswith(".p"):  # GeM exponent
        return np.full(shape, 3.0, np.float32)
    if name.endswith("running_var"):
        return (0.5 + rng.random(shape)).astype(np.float32)
    if name.endswith("running_mean"):
        return (0.1 * rng.standard_normal(shape)).astype(np.float32)
    if len(shape) == 1 and name.endswith("bias"):
        return (0.05 * rng.standard_normal(shape)).astype(np.float32)
    if len(shape) == 1:  # norm scale
        scale = 0.3 if name.endswith(RESIDUAL_TAIL) else 1.0
        return (scale * (0.8 + 0.4 * rng.random(shape))).astype(np.float32)
    fan_in = int(np.prod(shape[1:]))
    return (rng.standard_normal(shape) * np.sqrt(2.0 / fan_in)).astype(np.float32)


def images(seed: int, batch: int, height: int, width: int) -> torch.Tensor:
    """(batch, 3, height, width) RGB in 0..255."""
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.integers(0, 256, (batch, 3, height, width)).astype(np.float32))


def run(name: str) -> dict[str, Any]:
    """Options and numbers of a reference run, with ``eval_features`` beside them."""
    numbers = json.loads((FIXTURES / f"{name}.json").read_text())
    with np.load(FIXTURES / f"{name}.npz") as arrays:
        numbers["eval_features"] = arrays["eval_features"]
    return numbers


def options(run: dict[str, Any]) -> dict[str, Any]:
    """What the run sets on top of the paper's recipe, under this project's keys."""
    pairs = zip(run["options"][::2], run["options"][1::2], strict=True)
    size = run["image_size"]
    return {
        **{_OPTION_NAMES.get(key, key): value for key, value in pairs},
        "MODEL.HEADS.NUM_CLASSES": run["num_classes"],
        "INPUT.SIZE_TRAIN": size,
        "INPUT.SIZE_TEST": size,
    }


def batch(run: dict[str, Any], device: str = "cpu") -> dict[str, torch.Tensor]:
    """The run's batch, as fast-reid's."""
    pixels = images(run["image_seed"], run["batch"], *run["image_size"])
    return {"images": pixels.to(device), "targets": torch.tensor(run["targets"], device=device)}


def state_dict(shapes: dict[str, list[int]]) -> dict[str, torch.Tensor]:
    """Reference weights for official names and shapes."""
    return {name: torch.from_numpy(weight(name, tuple(shape))) for name, shape in shapes.items()}
