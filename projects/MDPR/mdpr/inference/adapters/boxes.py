"""Boxes of a detector in a frame, of which some may show nothing of it: N boxes, V that show something."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mdpr.inference.embedder import Embedder
from mdpr.inference.images import clip_boxes

Rows = NDArray[np.float32]
NOTHING: Final = np.zeros((8, 4, 3), np.uint8)
"""A black crop, for what shows nothing: the trackers want a feature of every box, of a length above 0."""


def embed_shown(
    embedder: Embedder, frame: NDArray[np.uint8], boxes: Any, color: str = "bgr"
) -> tuple[Rows, NDArray[np.bool_]]:
    """Features of the boxes that show a pixel of the frame at least, and which ones do.

    Args:
        embedder: makes the features.
        frame: (H, W, 3).
        boxes: (N, 4) corners x1, y1, x2, y2 in pixels; may reach out of the frame, be
            empty, inverted, or not finite.
        color: order of the frame's channels.

    Returns:
        Features (V, D), L2-normalised, and a mask (N,).
    """
    height, width = frame.shape[:2]
    corners = np.asarray(boxes, np.float32).reshape(-1, 4)
    finite = np.isfinite(corners).all(axis=1, keepdims=True)
    inside, empty = clip_boxes(np.where(finite, corners, 0), width, height)
    return embedder(frame, boxes=inside[~empty], color=color), ~empty


def embed_all(embedder: Embedder, frame: NDArray[np.uint8], boxes: Any, color: str = "bgr") -> Rows:
    """Features (N, D) of every box, as :func:`embed_shown`; of what shows nothing, those of a black crop."""
    features, shown = embed_shown(embedder, frame, boxes, color)
    rows = np.empty((len(shown), embedder.dimension), np.float32)
    rows[shown] = features
    if not shown.all():
        rows[~shown] = embedder(NOTHING)
    return rows
