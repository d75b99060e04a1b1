"""Ultralytics' trackers call the adapter as they do their own encoder."""

import numpy as np
import pytest
from mdpr.inference.adapters import ultralytics as adapter
from support.embedders import ColourEmbedder
from support.peers import peer

EMBEDDER = ColourEmbedder()
FRAME = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)  # BGR
DETECTIONS = np.float32([[20, 30, 20, 40, 0], [95, 30, 20, 40, 1], [50, 30, 0, 40, 2], [50, 30, 20, 60, 3]])


def test_a_feature_a_box_and_none_for_what_shows_nothing():
    first, outside, flat, second = adapter.wrap(EMBEDDER)(FRAME, DETECTIONS)
    assert outside is None and flat is None
    crops = [FRAME[10:50, 10:30], FRAME[0:60, 40:60]]
    np.testing.assert_array_equal([first, second], EMBEDDER(crops, color="bgr"))
    assert adapter.wrap(EMBEDDER)(FRAME, DETECTIONS[1:3]) == [None, None]
    assert adapter.wrap(EMBEDDER)(FRAME, DETECTIONS[:0]) == []


@pytest.mark.parametrize("name", ["bot_sort.BOTSORT", "deep_oc_sort.DeepOCSORT", "track_tracker.TRACKTRACK"])
def test_a_tracker_keeps_the_features(name):
    utils, results = peer("ultralytics.utils"), peer("ultralytics.engine.results")
    module, tracker_class = name.split(".")
    file = utils.ROOT / f"cfg/trackers/{tracker_class.lower()}.yaml"
    settings = utils.IterableSimpleNamespace(**utils.YAML.load(file))
    settings.with_reid = False
    tracker = getattr(peer(f"ultralytics.trackers.{module}"), tracker_class)(settings)
    tracker.encoder = adapter.wrap(EMBEDDER)
    settings.with_reid, settings.model = True, "mdpr"
    boxes = np.float32([[10, 10, 30, 50, 0.9, 0], [85, 10, 105, 50, 0.9, 0]])
    for _ in range(3):
        tracker.update(results.Boxes(boxes, FRAME.shape[:2]), FRAME)
    kept = [track.curr_feat for track in tracker.tracked_stracks]
    (feature,) = [each for each in kept if each is not None]
    np.testing.assert_allclose(feature, EMBEDDER(FRAME[10:50, 10:30], color="bgr")[0], rtol=1e-5)
