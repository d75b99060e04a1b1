"""BoxMOT takes the adapter for a ReID model of its own, in trackers and pipelines."""

import numpy as np
import pytest
import torch
from mdpr.errors import InputError
from mdpr.inference.adapters import boxmot as adapter
from support.embedders import ColourEmbedder
from support.peers import peer

EMBEDDER = ColourEmbedder()
FRAME = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)  # BGR
BOXES = np.float32([[10, 5, 30, 50], [40, 0, 60, 60], [85, 5, 99, 50]])  # the last one outside


def expected():
    return EMBEDDER([FRAME[5:50, 10:30], FRAME[:, 40:60], np.zeros((4, 4, 3), np.uint8)], color="bgr")


def test_features_are_those_of_the_crops():
    encoder = adapter.wrap(EMBEDDER)
    with_scores = np.hstack([BOXES, np.ones((3, 2), np.float32)])
    for boxes in (BOXES, with_scores, BOXES.tolist()):
        np.testing.assert_array_equal(encoder.get_features(boxes, FRAME), expected())
    assert encoder.get_features(BOXES[0], FRAME).shape == (1, EMBEDDER.dimension)
    assert encoder.get_features(np.empty(0), FRAME).shape == (0, EMBEDDER.dimension)


def test_oriented_boxes_are_refused():
    with pytest.raises(InputError, match=r"shape \(3, 5\) have an angle"):
        adapter.wrap(EMBEDDER).get_features(np.ones((3, 5)), FRAME)


def test_a_pipeline_embeds_detections():
    perception, structures = peer("boxmot.pipelines.perception"), peer("boxmot.structures")
    image = torch.from_numpy(np.ascontiguousarray(FRAME[..., ::-1].transpose(2, 0, 1)))
    frames = [structures.Frame(image, name) for name in ("full", "empty")]
    found = [
        structures.Detections(
            structures.Boxes(torch.from_numpy(boxes)),
            scores=torch.ones(len(boxes)),
            class_ids=torch.zeros(len(boxes), dtype=torch.int64),
            sample_id=name,
        )
        for boxes, name in ((BOXES, "full"), (BOXES[:0], "empty"))
    ]
    outputs = perception.PipelineOutputs(embeddings=True)
    pipeline = perception.PerceptionPipeline(reid=adapter.wrap(EMBEDDER), outputs=outputs)
    full, empty = pipeline.enrich(frames, found)
    np.testing.assert_array_equal(full.embeddings, expected())
    assert empty.embeddings.shape == (0, EMBEDDER.dimension)
    both = adapter.wrap(EMBEDDER).encode(frames, found)
    assert [len(one) for one in both] == [3, 0]
    with pytest.raises(ValueError, match="shorter"):
        adapter.wrap(EMBEDDER).encode(frames, found[:1])


@pytest.mark.parametrize("name", ["BotSort", "DeepOcSort", "StrongSort", "BoostTrack", "HybridSort"])
def test_a_tracker_goes_on_where_a_box_leaves_the_frame(name):
    tracker = getattr(peer("boxmot"), name)(reid_model=adapter.wrap(EMBEDDER))
    rows = np.hstack([BOXES, np.tile(np.float32([0.9, 0]), (3, 1))])
    for shift in range(6):
        moved = rows + np.float32([10 * shift, 0, 10 * shift, 0, 0, 0])
        tracks = tracker.update(moved if shift != 3 else moved[:0], FRAME)
    assert tracks.ndim == 2
