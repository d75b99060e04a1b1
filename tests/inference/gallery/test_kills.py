"""The crash test of the gallery, in short, and that it would find what it looks for."""

from itertools import islice

from endurance.gallery import DIMENSION, CrashTest, Outcome, content, steps
from mdpr.inference.gallery import Gallery


def test_killed_writers_lose_nothing(tmp_path):
    outcome = CrashTest(tmp_path).run(5)
    assert outcome.problems == []
    assert len(outcome.kills) == 5 and outcome.readings >= 5


def test_losses_are_noticed(tmp_path):
    test, outcome = CrashTest(tmp_path), Outcome()
    gallery = Gallery.create(tmp_path / "gallery", dimension=DIMENSION)
    (step, nothing), (_, state) = islice(steps(), 2)
    step.on(gallery)
    found = content(gallery.path)
    assert found == state != nothing
    assert test._compare(found, range(2), "here", outcome) == 1
    for wrong in (dict([*found.items()][1:]), {**found, "more": ()}, dict.fromkeys(found, ())):
        assert test._compare(wrong, range(2), "here", outcome) is None
    assert len(outcome.problems) == 3 and "here: " in outcome.problems[0]
