"""`DeepSort` has the adapter make the features of the crops that it cuts itself."""

import numpy as np
import pytest
from mdpr.inference.adapters import deep_sort_realtime as adapter
from support.embedders import ColourEmbedder
from support.peers import peer

EMBEDDER = ColourEmbedder()
FRAME = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)


@pytest.mark.parametrize("color", ["bgr", "rgb"])
def test_a_tracker_keeps_the_features(color):
    tracker = peer("deep_sort_realtime.deepsort_tracker").DeepSort(embedder=None)
    tracker.embedder = adapter.wrap(EMBEDDER, color)
    found = [([10, 5, 20, 45], 0.9, "person"), ([85, 5, 14, 45], 0.9, "person")]  # the second one outside
    for _ in range(4):
        seen, outside = tracker.update_tracks(found, frame=FRAME)
    assert seen.is_confirmed() and outside.is_confirmed()
    np.testing.assert_array_equal(seen.get_feature(), EMBEDDER(FRAME[5:50, 10:30], color=color)[0])
    assert tracker.update_tracks([], frame=FRAME)


def test_no_crop_is_no_row():
    assert adapter.wrap(EMBEDDER).predict([]).shape == (0, EMBEDDER.dimension)
