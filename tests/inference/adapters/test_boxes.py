"""Boxes are clipped to the frame, and those that show nothing of it are known."""

import numpy as np
from mdpr.inference.adapters.boxes import NOTHING, embed_all, embed_shown
from support.embedders import ColourEmbedder

EMBEDDER = ColourEmbedder()
FRAME = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
SHOWN = {
    (10, 5, 30, 50): np.s_[5:50, 10:30],
    (9.6, 5.4, 30.4, 49.6): np.s_[5:50, 10:30],
    (-20, -9, 15, 200): np.s_[0:60, 0:15],
    (70, 50, 81, 61): np.s_[50:60, 70:80],
}
HIDDEN = [
    *((10, 5, 10, 50), (30, 5, 10, 50), (10, 50, 30, 5)),  # no width, inverted
    *((-30, 5, -1, 50), (80, 5, 99, 50), (10, 60, 30, 90), (10.1, 5, 10.3, 50)),  # outside, less than a pixel
    *((np.nan, 5, 30, 50), (0, 0, np.inf, 60)),
]


def test_what_is_shown_is_embedded_and_the_rest_is_marked():
    boxes = [HIDDEN[0], *SHOWN, *HIDDEN[1:]]
    features, shown = embed_shown(EMBEDDER, FRAME, boxes)
    assert shown.tolist() == [box in SHOWN for box in boxes]
    crops = [FRAME[part] for part in SHOWN.values()]
    np.testing.assert_array_equal(features, EMBEDDER(crops, color="bgr"))


def test_what_shows_nothing_has_the_feature_of_a_black_crop():
    boxes = [HIDDEN[1], next(iter(SHOWN)), HIDDEN[-1]]
    rows = embed_all(EMBEDDER, FRAME, boxes, color="rgb")
    (black,), (seen,) = EMBEDDER(NOTHING), EMBEDDER(FRAME[5:50, 10:30])
    np.testing.assert_array_equal(rows, [black, seen, black])
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-6)


def test_no_box_is_no_row():
    for boxes in ([], np.empty((0, 4))):
        assert embed_all(EMBEDDER, FRAME, boxes).shape == (0, EMBEDDER.dimension)
        assert embed_all(EMBEDDER, FRAME, boxes).dtype == np.float32
