"""What a result stands on: code, data, versions, device and config. Where these differ, so may results."""

import hashlib
import json
import platform
import subprocess
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import faiss
import numpy as np
import torch
from fastreid.config import CfgNode

from mdpr.data.datasets.base import SPLITS, dataset_root
from mdpr.data.registry import load_dataset
from mdpr.engine.config_file import leaves
from mdpr.errors import MDPRError

# Keys that say where and how a run works, not what comes out of it. The number of classes is the data's.
NOT_OF_THE_RESULT: Final = frozenset(
    {
        *("OUTPUT_DIR", "SEED", "CUDNN_BENCHMARK", "DATALOADER.NUM_WORKERS"),
        *("MODEL.DEVICE", "MODEL.HEADS.NUM_CLASSES", "MODEL.MDPR.RECOMPUTE_ACTIVATIONS"),
        "SOLVER.LOGGERS",
        *("SOLVER.LOG_PERIOD", "SOLVER.CHECKPOINT_PERIOD", "SOLVER.CHECKPOINT_EVERY_ITERATIONS"),
        *("SOLVER.CHECKPOINT_KEEP", "TEST.MDPR.SAVE_FEATURES", "TEST.MDPR.SAVE_RANKINGS"),
        "TEST.MDPR.RANKING_LENGTH",
    }
)
_PACKAGE: Final = Path(__file__).parents[1]
# Layers that nothing of a run is computed in.
_ABOVE: Final = ("cli", "inference", "pages", "study", "visualization")


def code_hash() -> str:
    """Hash of the sources that a run computes with, as they are on the disk now."""
    digest = hashlib.sha256()
    for package in (_PACKAGE, _PACKAGE.with_name("synth_persons")):
        for path in sorted(package.rglob("*.py")):
            place = path.relative_to(package)
            if place.parts[0] not in _ABOVE:
                digest.update(f"{package.name}/{place.as_posix()}\n".encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


# As they are when they are imported: a long run must not name what they have become since.
_IMPORTED: Final = code_hash()


def fingerprint_of(cfg: CfgNode) -> dict[str, Any]:
    """What a result of this process stands on, with ``cfg``.

    Returns:
        "code" (a hash, and the commit of a checkout), "data" (a hash for every set that can be read),
        "versions", "device" and "config" (a hash without what changes no result).
    """
    return {
        "code": {"hash": _IMPORTED, "commit": _commit() if code_hash() == _IMPORTED else None},
        "data": data_hashes(cfg),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "fastreid": version("fastreid"),
            "faiss": faiss.__version__,
            "numpy": np.__version__,
        },
        "device": _device(cfg.MODEL.DEVICE),
        "config": settings_hash(leaves(cfg)),
    }


def settings_hash(settings: Iterable[tuple[str, Any]]) -> str:
    """Hash of keys and values, without those that change no result."""
    counted = {key: value for key, value in settings if key not in NOT_OF_THE_RESULT}
    return hashlib.sha256(json.dumps(counted, sort_keys=True, default=str).encode()).hexdigest()[:12]


_known_data: dict[tuple[str, str, str], str] = {}


def data_hashes(cfg: CfgNode, *, strict: bool = False) -> dict[str, str]:
    """Hash of the names, sizes, identities and cameras of the images of every set that a config names.

    Args:
        cfg: ``DATASETS`` is read.
        strict: whether a set that cannot be read is an error; else it is left out.

    Raises:
        ConfigError, DatasetError: as `mdpr.data.registry.load_dataset`, where ``strict``.
    """
    options, root = cfg.DATASETS.dump(), dataset_root()
    found = {}
    for name in sorted({*cfg.DATASETS.NAMES, *cfg.DATASETS.TESTS}):
        key = (name, root, options)
        try:
            if key not in _known_data:  # once a process, as a run evaluates often
                _known_data[key] = _data_hash(name, cfg)
        except (MDPRError, OSError):
            if strict:
                raise
            continue
        found[name] = _known_data[key]
    return found


def _data_hash(name: str, cfg: CfgNode) -> str:
    dataset = load_dataset(name, cfg)
    digest = hashlib.sha256()
    for split in SPLITS:
        for file, person, camera in sorted(getattr(dataset, split), key=str):
            path = Path(file)
            place = f"{path.parent.name}/{path.name}"
            digest.update(f"{split} {place} {path.stat().st_size} {person} {camera}\n".encode())
    return digest.hexdigest()[:12]


def _device(device: str) -> str:
    if device != "cpu":
        return torch.cuda.get_device_name(device)
    cpuinfo = Path("/proc/cpuinfo")  # Linux
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _commit() -> str | None:
    """The commit of the checkout that this package lies in, with "-dirty" where that was changed since."""
    checkout = _PACKAGE.parents[2]
    if not (checkout / ".git").exists():
        return None
    try:
        command = ["git", "-C", str(checkout), "describe", "--always", "--dirty", "--exclude=*"]
        found = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip()
