"""For the trackers of Ultralytics (``tracker.encoder``)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mdpr.inference.adapters.boxes import Rows, embed_shown
from mdpr.inference.embedder import Embedder


class UltralyticsEncoder:
    """What BoT-SORT, Deep OC-SORT and TrackTrack call."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    def __call__(self, img: NDArray[np.uint8], dets: Any) -> list[Rows | None]:
        """An L2-normalised feature (D,) of every box, None for one that shows nothing of the frame.

        Args:
            img: the frame (H, W, 3), BGR.
            dets: (N, 4 or more), centre, width and height in pixels first; the rest is left aside.
        """
        rows = np.asarray(dets, np.float32)
        middle, half = rows[:, :2], rows[:, 2:4] / 2
        features, shown = embed_shown(self._embedder, img, np.hstack([middle - half, middle + half]))
        each = iter(features)
        return [next(each) if one else None for one in shown]


def wrap(embedder: Embedder) -> UltralyticsEncoder:
    """For a tracker's ``encoder``, beside ``with_reid`` and a ``model`` other than "auto" in its settings."""
    return UltralyticsEncoder(embedder)
