"""For Roboflow's packages: `supervision`'s detections, `reid`'s evaluation."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mdpr.inference.adapters.boxes import Rows, embed_all
from mdpr.inference.embedder import Embedder


class RoboflowModel:
    """What `reid.ReIDModel` makes features with. N images, D numbers a feature."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    def extract_embeddings(self, detections: Any, frame: NDArray[np.uint8], *, batch_size: int = 32) -> Rows:
        """L2-normalised features (N, D) of detections in a frame.

        Args:
            detections: `supervision.Detections`, whose ``xyxy`` is (N, 4), corners in pixels.
            frame: (H, W, 3), BGR.
            batch_size: boxes at a time.
        """
        return _in_batches(lambda boxes: embed_all(self._embedder, frame, boxes), detections.xyxy, batch_size)

    def extract_embeddings_from_paths(
        self, image_paths: Sequence[str], *, batch_size: int = 32, num_workers: int = 0
    ) -> Rows:
        """L2-normalised features (N, D) of image files.

        Args:
            image_paths: N files, an image of a person each.
            batch_size: files at a time.
            num_workers: left aside, as files are read in this process.
        """
        return _in_batches(self._embedder, list(image_paths), batch_size)


def _in_batches(embed: Callable[[Any], Rows], items: Any, size: int) -> Rows:
    starts = range(0, max(len(items), 1), size)  # once for no items, too
    return np.concatenate([embed(items[start : start + size]) for start in starts])


def wrap(embedder: Embedder) -> RoboflowModel:
    """For what takes a `reid.ReIDModel`, or as one: ``ReIDModel.evaluate(wrap(embedder), split)``."""
    return RoboflowModel(embedder)
