"""`supervision`'s detections have features, and `reid` scores them."""

import numpy as np
import pytest
from mdpr.inference.adapters import roboflow as adapter
from PIL import Image
from support.embedders import ColourEmbedder
from support.peers import peer

EMBEDDER = ColourEmbedder()
FRAME = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)  # BGR
BOXES = np.float32([[10, 5, 30, 50], [85, 5, 99, 50], [40, 0, 60, 60]])  # the second one outside


@pytest.mark.parametrize("batch_size", [1, 2, 32])
def test_detections_have_features(batch_size):
    detections = peer("supervision").Detections(xyxy=BOXES)
    model = adapter.wrap(EMBEDDER)
    crops = [FRAME[5:50, 10:30], np.zeros((4, 4, 3), np.uint8), FRAME[:, 40:60]]
    features = model.extract_embeddings(detections, FRAME, batch_size=batch_size)
    np.testing.assert_array_equal(features, EMBEDDER(crops, color="bgr"))
    nobody = peer("supervision").Detections.empty()
    assert model.extract_embeddings(nobody, FRAME, batch_size=batch_size).shape == (0, EMBEDDER.dimension)


def test_reid_evaluates_it(tmp_path):
    reid = peer("reid")
    colours = {0: (200, 30, 30), 1: (30, 200, 30), 2: (30, 30, 200)}
    paths, people, cameras = [], [], []
    for person, colour in colours.items():
        for camera in (0, 1):
            paths.append(str(tmp_path / f"{person}_{camera}.png"))
            Image.fromarray(np.full((48, 16, 3), colour, np.uint8)).save(paths[-1])
            people.append(person)
            cameras.append(camera)
    model = adapter.wrap(EMBEDDER)
    rows = model.extract_embeddings_from_paths(paths, batch_size=4)
    np.testing.assert_array_equal(rows, EMBEDDER([np.asarray(Image.open(path)) for path in paths]))
    split = reid.ReIDSplit(paths, np.array(people), np.array(cameras))
    result = reid.ReIDModel.evaluate(model, split, split, verbose=False)
    assert result.num_queries == 6
    assert result.metrics["map"] == pytest.approx(100)
    assert model.extract_embeddings_from_paths([]).shape == (0, EMBEDDER.dimension)
