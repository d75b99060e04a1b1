"""Eight-bit integers for weights and maps, by the tools of the runtimes, from images that show the ranges."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mdpr.inference.export.graph import INPUT
from mdpr.inference.extras import optional

_LAYERS: Final = ["Conv", "Relu", "Add", "MaxPool", "Concat"]
"""What is quantised in ONNX: all that lies between maps. The powers of pooling stay in float32."""


def quantize_onnx(source: Path, target: Path, pixels: NDArray[np.float32]) -> None:
    """Write a quantised copy of an ONNX file: its layers between quantisation and its inverse (QDQ).

    Args:
        source: in float32; its metadata stays.
        target: the file to write.
        pixels: (N, 3, H, W) as the graph takes them, for calibration.

    Raises:
        InputError: onnxruntime is missing.
    """
    quantization = optional("onnxruntime.quantization", "export")

    base: Any = quantization.CalibrationDataReader

    class Reader(base):
        """Hands out the calibration's images one by one."""

        def __init__(self) -> None:
            self.images: Iterator[NDArray[np.float32]] = iter(pixels[:, None])

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            image = next(self.images, None)
            return None if image is None else {INPUT: image}

    quantization.quantize_static(
        source,
        target,
        Reader(),
        quant_format=quantization.QuantFormat.QDQ,
        op_types_to_quantize=_LAYERS,
        per_channel=True,
        # Seven bits of weights: without VNNI, sums of products of eight do not fit into 16 bits.
        reduce_range=True,
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
    )


def quantize_openvino(model: Any, pixels: NDArray[np.float32]) -> Any:
    """A quantised ``openvino.Model``.

    Args:
        model: in float32.
        pixels: (N, 3, H, W) as the graph takes them, for calibration.

    Raises:
        InputError: nncf is missing.
    """
    nncf = optional("nncf", "openvino")
    return nncf.quantize(model, nncf.Dataset(list(pixels[:, None])), subset_size=len(pixels))
