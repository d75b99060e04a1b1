import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mdpr.evaluation.distances.arrays import for_each
from mdpr.evaluation.distances.ordering import smallest_cells


@settings(max_examples=80, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(1, 5),
    st.integers(1, 200),
    st.integers(1, 200),
    st.sampled_from([2, 10, 10**6]),
)
def test_smallest_cells(seed, num_rows, num_columns, k, num_values):
    k = min(k, num_columns)
    random = np.random.default_rng(seed)
    block = random.integers(0, num_values, (num_rows, num_columns)).astype(np.float64)
    found, values = smallest_cells(torch.from_numpy(block), k)
    expected = np.argsort(block, axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(values, np.take_along_axis(block, expected, axis=1))


def test_smallest_cells_of_long_rows():
    block = np.random.default_rng(1).integers(0, 5000, (20, 3000)).astype(np.float64)
    block[3, 7:] = np.inf
    found, values = smallest_cells(torch.from_numpy(block), 10)
    expected = np.argsort(block, axis=1, kind="stable")[:, :10]
    expected_values = np.take_along_axis(block, expected, axis=1)
    expected[3, 7:], expected_values[3, 7:] = -1, np.nan
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(values, expected_values)


@pytest.mark.parametrize("num_threads", [1, 2])
def test_every_block_is_done_and_errors_are_raised(num_threads):
    def fail(start):
        raise ValueError(f"block {start}")

    before = torch.get_num_threads()
    torch.set_num_threads(num_threads)
    try:
        done = []
        for_each(done.append, range(0, 10, 3))
        assert sorted(done) == [0, 3, 6, 9]
        with pytest.raises(ValueError, match="block 4"):
            for_each(fail, [4])
    finally:
        torch.set_num_threads(before)
