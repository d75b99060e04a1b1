"""A decision says what the calibration says, and without one why there is none."""

import pytest
from mdpr.inference.calibration import Calibration
from mdpr.inference.decisions import Decision, decide

KNOTS = ((-0.5, 0.1), (0.5, 0.3), (0.7, 0.8))
CALIBRATION = Calibration(0.5, 0.01, 0.0099, (0.005, 0.02), 0.9, (0.8, 0.95), 0.95, 20, 100, 1000, 100, KNOTS)


@pytest.mark.parametrize(
    ("similarity", "probability", "is_same"),
    [(0.0, 0.2, False), (0.4999, 0.3, False), (0.5, 0.3, True), (0.6, 0.55, True), (1.0, 0.8, True)],
)
def test_the_threshold_decides(similarity, probability, is_same):
    found = decide(similarity, CALIBRATION)
    assert found.probability == pytest.approx(probability, abs=1e-3)
    assert found == Decision(similarity, found.probability, is_same, 0.5, 0.01)


def test_without_a_calibration_there_is_a_similarity_and_a_reason():
    found = decide(0.7, None)
    assert found == Decision(0.7, None, None, None, None, reason=found.reason)
    assert "mdpr calibrate" in found.reason


def test_rounding_makes_no_similarity_beyond_one():
    assert decide(1.0000001, CALIBRATION).similarity == 1
    assert decide(-1.0000001, None).similarity == -1
