"""A traced network as a file of each format, which says itself what it takes and gives."""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch

from mdpr.inference.export.conventions import CONVENTIONS
from mdpr.inference.export.graph import INPUT, OUTPUT, Graph
from mdpr.inference.export.runtime import ENTRY
from mdpr.inference.extras import optional

SUFFIXES: Final = {"onnx": ".onnx", "openvino": ".xml", "torch-export": ".pt2", "safetensors": ".safetensors"}
"""Of the file of each format; OpenVINO's weights lie beside it in ``.bin``."""


def entries_of(metadata: Mapping[str, Any]) -> dict[str, str]:
    """What goes into a file's metadata: all of it under `ENTRY`, and what other programs need by name."""
    height, width = metadata["preprocessing"]["size"]
    form = metadata["export"]
    return {
        ENTRY: json.dumps(metadata, sort_keys=True),
        "input": form["input"],
        "input_description": CONVENTIONS[form["input"]].description,
        "height": str(height),
        "width": str(width),
        "color": "rgb",
        "precision": form["precision"],
        "dimension": str(metadata["dimension"]),
        "layout": json.dumps(metadata["layout"]),
        "fingerprint": metadata["fingerprint"],
        "licence": metadata["licence"] or "not stated",
    }


def write_onnx(graph: Graph, path: Path, metadata: Mapping[str, Any]) -> None:
    """Write an ONNX file.

    Raises:
        InputError: a package is missing.
    """
    for module in ("onnx", "onnxscript"):
        optional(module, "export")
    program: Any = torch.onnx.export(
        graph,
        graph.example,
        dynamic_shapes=graph.dynamic_shapes,
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamo=True,
        verbose=False,
    )
    program.model.metadata_props.update(entries_of(metadata))
    program.save(path)


def write_openvino(model: Any, path: Path, metadata: Mapping[str, Any]) -> None:
    """Write an ``openvino.Model`` in the precision that it has."""
    for name, text in entries_of(metadata).items():
        model.set_rt_info(text, [name])
    optional("openvino", "openvino").save_model(model, path, compress_to_fp16=False)


def write_torch(graph: Graph, path: Path, metadata: Mapping[str, Any]) -> None:
    """Write what ``torch.export.load`` reads."""
    with torch.no_grad():
        program = torch.export.export(graph, graph.example, dynamic_shapes=graph.dynamic_shapes)
    with warnings.catch_warnings():
        # Of weights in channels-last memory: matters where they are not on the CPU.
        warnings.filterwarnings("ignore", message="No complete tensor found")
        torch.export.save(program, path, extra_files=entries_of(metadata))
