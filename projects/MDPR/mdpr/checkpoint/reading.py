"""Read a weight file without running anything that is in it.

A PyTorch checkpoint is a pickle, and unpickling can run code. Everything here goes through PyTorch's
restricted unpickler (tensors, numbers, strings and containers only) or through SafeTensors.
"""

import logging
import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import torch
from safetensors.torch import load_file

from mdpr.errors import CheckpointError

logger = logging.getLogger(__name__)

AVERAGED = "ema"  # key under which a run puts averaged weights, beside the plain ones
WRAPPERS = ("model", "state_dict")  # keys under which trainers put the weights

# Plain NumPy numbers, which older trainers store beside the weights ("metric"): data, not code.
_NUMPY_NUMBERS = [
    np.float64(0).__reduce__()[0],
    np.dtype,
    type(np.dtype(np.float64)),
    type(np.dtype(np.float32)),
    type(np.dtype(np.int64)),
]
NAMES_SHOWN = 3


def read_checkpoint(path: str | Path, *, verify: bool = True) -> dict[str, Any]:
    """Read a ``.pth``-like or ``.safetensors`` file onto the CPU.

    Args:
        path: the file. SafeTensors files are recognised by their suffix.
        verify: whether to compare checksums; False where another process has just done so.

    Returns:
        What the file holds: for SafeTensors the tensors by name, else the pickled dict.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: the file is a folder, empty, truncated, no checkpoint at all, holds something
            that would run code on loading, or holds something other than a dict.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no weight file at {path}")
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder: expected a weight file (.pth or .safetensors)")
    if path.stat().st_size == 0:
        raise _spoilt(path, "is empty (0 bytes)")
    content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path, verify)
    if not isinstance(content, Mapping):
        raise CheckpointError(
            f"{path} holds a {type(content).__name__}: expected a dict of weights, or of a run's state"
        )
    return dict(content)


def state_dict_of(
    checkpoint: Mapping[str, Any], path: str | Path, *, prefer_averaged: bool = True
) -> dict[str, torch.Tensor]:
    """The weights within a checkpoint: the dict itself, or what lies under ``model`` or ``state_dict``.

    A run with averaged weights (``SOLVER.EMA``) evaluates those, and its checkpoints hold them beside
    the plain ones; so whoever takes weights from such a file gets the averaged ones, with a line in the
    log.

    Args:
        checkpoint: what `read_checkpoint` returned.
        path: where it came from, for the message.
        prefer_averaged: False takes the plain weights in any case.

    Returns:
        Tensors by name; NumPy arrays become tensors.

    Raises:
        CheckpointError: there is no dict of tensors in it.
    """
    weights: Any = checkpoint
    averaged = checkpoint.get(AVERAGED)
    if prefer_averaged and isinstance(averaged, Mapping) and averaged.get("steps"):
        logger.info("%s: taking the averaged weights, of %d steps", path, averaged["steps"])
        weights = averaged
    for wrapper in WRAPPERS:
        if isinstance(weights.get(wrapper), Mapping):
            weights = weights[wrapper]
            break
    tensors = {
        name: torch.from_numpy(value) if isinstance(value, np.ndarray) else value
        for name, value in weights.items()
    }
    foreign = [name for name, value in tensors.items() if not isinstance(value, torch.Tensor)]
    if foreign or not tensors:
        found = f"{foreign[0]!r} is a {type(tensors[foreign[0]]).__name__}" if foreign else "no entry"
        raise CheckpointError(
            f"{path} holds no state dict ({found}): expected tensors by name, at the top or under "
            + " or ".join(repr(wrapper) for wrapper in WRAPPERS)
        )
    return tensors


def first_names(names: Sequence[str]) -> str:
    """The first few of many tensor names, for a message."""
    return ", ".join(names[:NAMES_SHOWN]) + ", ..." * (len(names) > NAMES_SHOWN)


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        return load_file(path)
    except safetensors.SafetensorError as error:
        raise _spoilt(path, f"is no readable SafeTensors file ({error})") from error


def _read_pickle(path: Path, verify: bool) -> Any:
    with path.open("rb") as file:
        head = file.read(4)
    if head == b"PK\x03\x04":
        if verify:
            _check_archive(path)
    elif head[:1] != b"\x80":
        raise CheckpointError(
            f"{path} is not a PyTorch checkpoint (it starts with {head!r}): is it a download page or "
            "another file saved under this name?"
        )
    try:
        with torch.serialization.safe_globals(_NUMPY_NUMBERS), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Detected pickle protocol")
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(_refusal(path, str(error))) from error
    except (RuntimeError, EOFError, ValueError, KeyError, IndexError, OSError) as error:
        raise _spoilt(path, f"is damaged ({_first_line(error)})") from error


def _check_archive(path: Path) -> None:
    """PyTorch reads an archive without looking at its checksums; flipped bits would go unseen."""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except zipfile.BadZipFile as error:
        size = path.stat().st_size
        raise _spoilt(path, f"is truncated ({size:,} bytes, its end is missing)") from error
    except Exception as error:  # wrong bytes make zipfile raise almost anything
        raise _spoilt(path, f"is damaged ({_first_line(error)})") from error
    if damaged is not None:
        raise _spoilt(path, f"is damaged (wrong checksum of {damaged})")


def _spoilt(path: Path, state: str) -> CheckpointError:
    return CheckpointError(f"{path} {state}: copy or download it again")


def _refusal(path: Path, reason: str) -> str:
    foreign = re.search(r"GLOBAL (\S+)", reason)
    detail = foreign[1] if foreign else reason.partition("error:")[2].partition("Check the doc")[0].strip()
    return (
        f"{path} was not loaded: it is damaged, or holds Python objects besides weights, which could "
        f"run code ({detail}). Ask its author for a plain state dict or a SafeTensors file"
    )


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0][:200] if lines else type(error).__name__
