"""From a model to a file for other programs, which is there only if it computes what the model does."""

import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from mdpr.errors import InputError
from mdpr.inference.compression import PREFIX
from mdpr.inference.embedder import Embedder
from mdpr.inference.export.check import TOLERANCES, Agreement, compare
from mdpr.inference.export.conventions import CONVENTIONS
from mdpr.inference.export.graph import DTYPES, Graph, compute_in, portable_form
from mdpr.inference.export.images import crops_of_sources, labelled_set
from mdpr.inference.export.quantization import quantize_onnx, quantize_openvino
from mdpr.inference.export.writers import SUFFIXES, write_onnx, write_openvino, write_torch
from mdpr.inference.extras import optional
from mdpr.inference.model_file import write_model_file
from mdpr.inference.packing import metadata_of

_CANNOT = {
    ("onnx", "bf16"): "onnxruntime has no bfloat16 convolutions on CPUs: choose fp16, or openvino",
    ("torch-export", "int8"): "INT8 is for onnx and openvino",
    ("safetensors", "int8"): "INT8 is for onnx and openvino",
}


def export(
    model: str | Path,
    path: str | Path,
    *,
    to: str,
    pixels: str = "255",
    precision: str = "fp32",
    images: Sequence[str | Path] = (),
    labelled: str | Path | None = None,
    overwrite: bool = False,
) -> Agreement:
    """Write a model as a file that other programs run, and compare it with the model.

    Args:
        model: a model file, or the folder of a run.
        path: the file; of OpenVINO's two, the ``.xml``.
        to: a format, one of `SUFFIXES`.
        pixels: what the graph is fed with, one of `CONVENTIONS`.
        precision: "fp32", "fp16", "bf16" or "int8".
        images: files, or folders of them, to compare with, and for INT8 to calibrate with; none compares on
            drawn people.
        labelled: a data set's name, or a folder with ``query/`` and ``gallery/``, for the mAP of both.
        overwrite: replace what is there.

    Raises:
        ExportError: the file differs from the model by more than its precision explains; none is written.
        InputError: options that do not go together, a file that is there, a package that is missing.
        MDPRError, OSError: a model or images that cannot be read.
    """
    path = Path(path)
    form = {"format": to, "input": pixels, "precision": precision}
    _check(form, path, images)
    targets = [path, path.with_suffix(".bin")] if to == "openvino" else [path]
    existing = [target for target in targets if target.exists()]
    if existing and not overwrite:
        raise InputError(f"{existing[0]} exists: choose another name, or replace it with --force")
    reference = Embedder(str(model), "cpu")
    crops, others = crops_of_sources(images)
    dataset = None if labelled is None else labelled_set(labelled, reference.cfg)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        draft = Path(folder, path.name)
        write(reference, draft, form, others or crops)
        agreement = compare(reference, Embedder(draft, "cpu"), crops, dataset)
        agreement.require(precision)
        for target in reversed(targets):  # the file that names the other comes last
            (draft.parent / target.name).replace(target)
    return agreement


def _check(form: Mapping[str, str], path: Path, images: Sequence[str | Path]) -> None:
    allowed: tuple[Collection[str], ...] = (SUFFIXES, CONVENTIONS, TOLERANCES)
    for (name, value), known in zip(form.items(), allowed, strict=True):
        if value not in known:
            raise InputError(f"{name} is {value!r}: expected one of {', '.join(known)}")
    to, pixels, precision = form.values()
    if (to, precision) in _CANNOT:
        raise InputError(f"{to} in {precision} cannot be: {_CANNOT[to, precision]}")
    if to == "safetensors" and pixels != "255":
        raise InputError(f"input is {pixels!r}: safetensors holds weights, not a graph that has an input")
    if precision == "int8" and not images:
        raise InputError("INT8 needs images of the kind it is to see, for calibration: name them by --images")
    if path.suffix != SUFFIXES[to]:
        raise InputError(f"{path} is to be for {to}: expected a name that ends in {SUFFIXES[to]}")


def write(reference: Embedder, path: Path, form: dict[str, str], calibration: Sequence[Any]) -> None:
    """Write a file that is not compared with anything.

    Args:
        reference: an embedder of the model, on the CPU.
        path: the file; others may come to lie beside it.
        form: ``format``, ``input`` and ``precision``.
        calibration: images, for INT8.

    Raises:
        InputError: a package that is missing, or a network that has no such form.
    """
    to, precision, convention = form["format"], form["precision"], CONVENTIONS[form["input"]]
    network, compression, known = portable_form(reference.network), reference.compression, reference.file
    metadata = dict(metadata_of(network, reference.cfg) if known is None else known.metadata)
    metadata |= {"fingerprint": f"{metadata['fingerprint']}-{to}-{precision}", "export": form}
    if precision == "int8":
        metadata["calibration"] = None  # of other similarities
    compute_in(network, DTYPES.get(precision, torch.float32))
    if to == "safetensors":
        weights = network.state_dict()
        if compression is not None:
            weights |= compression.state_dict(prefix=PREFIX)
        write_model_file(path, weights, metadata)
        return
    height, width = metadata["preprocessing"]["size"]
    flips = metadata["preprocessing"]["flip"]
    graph = Graph(network, (height, width), convention, flips=flips, compression=compression)
    if to == "torch-export":
        write_torch(graph, path, metadata)
        return
    write_onnx(graph, onnx := path.with_suffix(".onnx"), metadata)
    ranges = None
    if precision == "int8":
        prepared = torch.stack([reference.prepare(image) for image in calibration])
        ranges = convention.of(prepared).numpy()
    if to == "openvino":
        converted = optional("openvino", "openvino").convert_model(onnx)
        if ranges is not None:
            converted = quantize_openvino(converted, ranges)
        write_openvino(converted, path, metadata)
    elif ranges is not None:
        quantize_onnx(onnx.rename(path.with_suffix(".float.onnx")), path, ranges)
