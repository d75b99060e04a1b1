"""For deep-sort-realtime (``DeepSort(embedder=None).embedder``)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mdpr.inference.adapters.boxes import NOTHING, Rows
from mdpr.inference.embedder import Embedder


class DeepSortEmbedder:
    """What `DeepSort` calls with the crops of a frame."""

    def __init__(self, embedder: Embedder, color: str) -> None:
        self._embedder = embedder
        self._color = color

    def predict(self, np_images: Sequence[NDArray[np.uint8]]) -> Rows:
        """L2-normalised features (N, D) of N crops (H, W, 3), which may have no pixel."""
        crops = [crop if crop.size else NOTHING for crop in np_images]
        return self._embedder(crops, color=self._color)


def wrap(embedder: Embedder, color: str = "bgr") -> DeepSortEmbedder:
    """For a `DeepSort` that gets frames in ``color`` order: ``tracker.embedder = wrap(embedder)``."""
    return DeepSortEmbedder(embedder, color)
