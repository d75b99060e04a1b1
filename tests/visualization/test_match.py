"""The parts of a similarity: each as a plain loop has it, and all of them together the cosine."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mdpr.visualization.match import shares_of


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.integers(0, 2**32 - 1))
def test_shares_sum_to_the_cosine_and_are_those_of_a_loop(widths, seed):
    random = np.random.default_rng(seed)
    first, second = random.normal(0.1, 3, (2, sum(widths))).astype(np.float32)
    stops = np.cumsum(widths)
    layout = [
        {"name": f"{i}", "start": stop - width, "stop": stop}
        for i, (width, stop) in enumerate(zip(widths, stops, strict=True))
    ]
    found = shares_of(first, second, layout)
    assert [each.name for each in found] == [entry["name"] for entry in layout]

    products = [float(a) * float(b) for a, b in zip(first, second, strict=True)]
    lengths = [math.sqrt(math.fsum(float(a) ** 2 for a in one)) for one in (first, second)]
    whole = math.prod(lengths)
    assert math.fsum(each.share for each in found) == pytest.approx(math.fsum(products) / whole, abs=1e-14)
    for each, entry in zip(found, layout, strict=True):
        part = math.fsum(products[entry["start"] : entry["stop"]])
        assert each.share == pytest.approx(part / whole, abs=1e-14)
        assert each.weight * each.cosine == pytest.approx(each.share, abs=1e-14)
    assert sum(each.weight for each in found) <= 1 + 1e-12


def test_hand_made():
    layout = [
        {"name": name, "start": 2 * i, "stop": 2 * i + 2}
        for i, name in enumerate(["same", "against", "none"])
    ]
    first, second = np.array([4, 0, 0, 3, 0, 0]), np.array([8, 0, 0, -6, 0, 0])
    same, against, none = shares_of(first, second, layout)
    assert (same.cosine, same.weight, same.share) == pytest.approx((1, 0.64, 0.64))
    assert (against.cosine, against.weight, against.share) == pytest.approx((-1, 0.36, -0.36))
    assert (none.cosine, none.weight, none.share) == (0, 0, 0)
