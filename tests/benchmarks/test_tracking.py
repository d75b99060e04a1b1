"""Trackers run over a drawn street, whose truth is right, and features help them."""

import numpy as np
import pytest
from benchmarks.crossing import draw_sequence
from support.embedders import ColourEmbedder
from support.peers import peer

PACKAGES = ("boxmot", "deep_sort_realtime", "trackers", "ultralytics")


@pytest.fixture(scope="module")
def street():
    return list(draw_sequence(people=4, frames=80))


@pytest.fixture(scope="module")
def tracking():
    for package in PACKAGES:
        peer(package)
    from benchmarks import tracking  # noqa: PLC0415 -- imports the packages

    return tracking


def test_boxes_hold_the_people(street):
    """The frame differs from the empty street inside of the boxes alone."""
    again = list(draw_sequence(people=4, frames=2))
    for one, other in zip(street, again, strict=False):
        np.testing.assert_array_equal(one.image, other.image)
    empty = np.median([frame.image for frame in street], axis=0)
    frame = street[0]
    changed = np.abs(frame.image - empty).max(axis=2) > 40
    for left, top, right, bottom in frame.boxes.round().astype(int):
        assert changed[top:bottom, left:right].any()
        changed[top:bottom, left:right] = False
    assert changed.mean() < 0.01


def test_detections_are_near_some_of_the_boxes(street):
    sizes = [np.ptp(frame.boxes.reshape(-1, 2, 2), axis=1).mean() for frame in street]
    for frame, size in zip(street, sizes, strict=True):
        gaps = np.abs(frame.detections[:, None] - frame.boxes[None]).max(axis=2)
        assert (gaps.min(axis=1, initial=np.inf) < size).all()
    boxes, found = (sum(len(getattr(frame, each)) for frame in street) for each in ("boxes", "detections"))
    assert 0.5 * boxes < found < boxes


def test_truth_scores_in_full(tracking, street):
    def perfect(frame):
        return np.hstack([frame.people[:, None] + 7, frame.boxes])

    halves = {id(frame): index >= 40 for index, frame in enumerate(street)}

    def swapping(frame):
        return np.hstack([2 * frame.people[:, None] + halves[id(frame)], frame.boxes])

    assert tracking.score([(street, perfect)]) == {"switches": 0, "IDF1": 100, "MOTA": 100}
    first, second = ({*np.concatenate([f.people for f in half])} for half in (street[:40], street[40:]))
    assert tracking.score([(street, swapping)])["switches"] == len(first & second) > 0


@pytest.mark.parametrize(
    "name", ["BoxMOT BotSort", "BoxMOT DeepOcSort", "deep-sort-realtime", "Ultralytics BoT-SORT"]
)
def test_every_tracker_takes_the_features(tracking, street, name):
    make = tracking.TRACKERS[name]
    without = tracking.score([(street, make(None))])
    with_features = tracking.score([(street, make(ColourEmbedder()))])
    assert 20 < without["IDF1"] < with_features["IDF1"]
    if name != "BoxMOT DeepOcSort":  # which goes by place first
        assert with_features["switches"] < without["switches"]


def test_every_tracker_is_tried(tracking):
    assert len(tracking.TRACKERS) == 4
