"""Exported files, run: an object that stands where a network does."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mdpr.errors import CheckpointError, InputError
from mdpr.inference.export.conventions import CONVENTIONS, Convention
from mdpr.inference.extras import optional
from mdpr.modeling.preprocessing import images_of

ENTRY: Final = "mdpr"
"""Of a file's metadata: what a model file says of itself, with ``export``; JSON."""

Compute = Callable[[NDArray[np.float32]], Any]


class GraphRuntime(nn.Module):
    """Features from a graph.

    Args:
        compute: from pixels (B, 3, H, W), float32, to features (B, D).
        convention: in which it takes them.
    """

    def __init__(self, compute: Compute, convention: Convention) -> None:
        super().__init__()
        self._compute, self._convention = compute, convention

    def forward(self, batched_inputs: dict[str, Any] | Tensor) -> Tensor:
        """Features (B, D), un-normalised, of fast-reid's batch dict or of RGB pixels in 0..255."""
        pixels = self._convention.of(images_of(batched_inputs).cpu())
        return torch.from_numpy(self._compute(pixels.contiguous().numpy()))


def is_graph(path: Any) -> bool:
    """Whether a path has the suffix of an exported graph."""
    return isinstance(path, (str, Path)) and Path(path).suffix in _OPEN


def open_graph(path: str | Path) -> tuple[GraphRuntime, dict[str, Any]]:
    """Make an exported file ready to run, on the CPU with as many threads as PyTorch has.

    Returns:
        What stands where a network does; and what the file says of itself, as a model file's metadata.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: the package that runs it is missing.
        CheckpointError: it cannot be run, or `mdpr export` did not write it.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no exported file at {path}")
    try:
        compute, entry = _OPEN[path.suffix](path)
    except InputError:
        raise
    except Exception as error:  # each library has errors of its own
        reason = str(error).strip().partition("\n")[0]
        raise CheckpointError(f"{path} cannot be run: {reason}") from error
    if entry is None:
        raise CheckpointError(f"{path} does not say what it takes: expected a file that `mdpr export` wrote")
    metadata = json.loads(entry)
    return GraphRuntime(compute, CONVENTIONS[metadata["export"]["input"]]), metadata


def _open_onnx(path: Path) -> tuple[Compute, str | None]:
    runtime = optional("onnxruntime", "export")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def compute(pixels: NDArray[np.float32]) -> Any:
        return session.run(None, {name: pixels})[0]

    return compute, session.get_modelmeta().custom_metadata_map.get(ENTRY)


def _open_openvino(path: Path) -> tuple[Compute, str | None]:
    core = optional("openvino", "openvino").Core()
    model = core.read_model(path)
    entry = model.get_rt_info([ENTRY]).astype(str) if model.has_rt_info([ENTRY]) else None
    halves = entry is not None and json.loads(entry)["export"]["precision"] == "bf16"
    can = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    options = {
        # Without it, processors with instructions for bfloat16 compute in that unasked.
        "INFERENCE_PRECISION_HINT": "bf16" if halves and can else "f32",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
    }
    compiled = core.compile_model(model, "CPU", options)
    return lambda pixels: compiled(pixels, share_outputs=False)[0], entry


def _open_torch(path: Path) -> tuple[Compute, str | None]:
    extra = {ENTRY: ""}
    module = torch.export.load(path, extra_files=extra).module()
    return lambda pixels: module(torch.from_numpy(pixels)).numpy(), extra[ENTRY] or None


_OPEN: Final = {".onnx": _open_onnx, ".xml": _open_openvino, ".pt2": _open_torch}
