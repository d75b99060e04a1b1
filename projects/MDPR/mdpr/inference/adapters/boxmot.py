"""For BoxMOT's trackers (``reid_model=``) and pipelines (``reid=``)."""

import sys
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mdpr.errors import InputError
from mdpr.inference.adapters.boxes import Rows, embed_all
from mdpr.inference.embedder import Embedder


class BoxMOTEncoder:
    """BoxMOT's ``get_features``, and its ``AppearanceEncoder``. N boxes, D numbers a feature."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    @property
    def embedding_dim(self) -> int:
        """D."""
        return self._embedder.dimension

    @property
    def requirements(self) -> Any:
        """What has to be known of a detection beside its box: nothing.

        It has to be of BoxMOT's own class, which a BoxMOT that asks for it has loaded.
        """
        protocols = sys.modules.get("boxmot.reid.protocols")
        return protocols.EncoderRequirements() if protocols else SimpleNamespace(masks=False)

    def get_features(self, xyxys: Any, img: NDArray[np.uint8]) -> Rows:
        """L2-normalised features (N, D) of boxes.

        Args:
            xyxys: (N, 4), corners in pixels, or with confidence and class behind them.
            img: the frame (H, W, 3), BGR.

        Raises:
            InputError: the boxes are oriented.
        """
        rows = np.asarray(xyxys, np.float32)
        if rows.size and rows.shape[-1] % 2:  # centre, size and angle
            raise InputError(
                f"boxes of shape {rows.shape} have an angle: only upright boxes, (N, 4), can be embedded"
            )
        return embed_all(self._embedder, img, rows.reshape(-1, rows.shape[-1] or 4)[:, :4])

    def encode(self, frames: Sequence[Any], detections: Sequence[Any]) -> list[Tensor]:
        """L2-normalised features (N, D) of every frame's detections, float32, on the CPU.

        Args:
            frames: BoxMOT's ``Frame``, whose ``image`` is (3, H, W) uint8, RGB.
            detections: BoxMOT's ``Detections``, one for each frame, whose ``geometry.values`` is (N, 4).

        Raises:
            ValueError: there are more of one than of the other.
            InputError: the boxes are oriented.
        """
        return [
            torch.from_numpy(self.get_features(found.geometry.values.numpy(), _bgr(frame.image)))
            for frame, found in zip(frames, detections, strict=True)
        ]


def _bgr(image: Tensor) -> NDArray[np.uint8]:
    return np.ascontiguousarray(image.permute(1, 2, 0).numpy()[..., ::-1])


def wrap(embedder: Embedder) -> BoxMOTEncoder:
    """For a tracker, ``BotSort(reid_model=...)``, or a pipeline, ``PerceptionPipeline(reid=...)``."""
    return BoxMOTEncoder(embedder)
