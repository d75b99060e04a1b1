import numpy as np
import pytest
from mdpr.evaluation.distances.grid import squared_distances, to_grid


@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize("dimension", [1, 7, 512])
def test_values_lie_on_the_grid_and_near_the_features(normalise, dimension):
    random = np.random.default_rng(0)
    features = random.standard_normal((50, dimension)).astype(np.float32)
    features *= 10.0 ** random.uniform(-3, 3, (50, 1)).astype(np.float32)
    grid = to_grid(features, normalise=normalise)
    steps = grid.values.double().numpy() * 2**26
    np.testing.assert_array_equal(steps, np.rint(steps))
    norms = np.linalg.norm(features.astype(np.float64), axis=1, keepdims=True)
    expected = features / norms if normalise else features
    error = np.abs(grid.values.numpy() * grid.scale.numpy()[:, None] - expected)
    assert (error <= 2.0**-24 * np.linalg.norm(expected, axis=1, keepdims=True)).all()
    assert (grid.squared_norm < 1 + 1e-6).all()


def test_dot_products_are_exact():
    random = np.random.default_rng(1)
    features = random.standard_normal((6, 301)).astype(np.float32)
    values = to_grid(features, normalise=True).values.numpy()
    as_integers = [[int(value * 2.0**26) for value in row] for row in values.astype(np.float64)]
    orders = [np.arange(301), random.permutation(301), random.permutation(301)]
    for i in range(6):
        for j in range(6):
            exact = sum(a * b for a, b in zip(as_integers[i], as_integers[j], strict=True)) / 2**52
            for order in orders:
                products = values[i, order].astype(np.float64) * values[j, order]
                assert np.cumsum(products)[-1] == exact


def test_equal_rows_become_equal_anywhere():
    row = np.random.default_rng(2).standard_normal(37).astype(np.float32)
    features = np.random.default_rng(3).standard_normal((4100, 37)).astype(np.float32)
    features[[0, 3, 2047, 2048, 4099]] = row
    values = to_grid(features, normalise=True).values
    for i in (3, 2047, 2048, 4099):
        np.testing.assert_array_equal(values[i], values[0])


def test_zero_row_without_normalisation():
    grid = to_grid(np.zeros((1, 3), dtype=np.float32), normalise=False)
    assert grid.scale.tolist() == [1.0]
    assert grid.squared_norm.tolist() == [0.0]


def test_zero_row_with_normalisation_stays_zero():
    grid = to_grid(np.array([[1, 0], [0, 0]], dtype=np.float32), normalise=True)
    assert grid.squared_norm.tolist() == [1.0, 0.0]


@pytest.mark.parametrize("normalise", [True, False])
def test_parts_become_one(normalise):
    features = np.random.default_rng(4).standard_normal((30, 5)).astype(np.float32)
    whole = to_grid(features, normalise=normalise)
    parts = to_grid(features[:11], features[11:], normalise=normalise)
    for name in ("values", "scale", "squared_norm"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))


def test_squared_distances_of_pairs():
    random = np.random.default_rng(5)
    features = (random.standard_normal((40, 9)) * np.linspace(0.1, 50, 40)[:, None]).astype("f4")
    rows, columns = random.integers(0, 40, (2, 700))
    distances = squared_distances(to_grid(features, normalise=False), rows, columns)
    expected = ((features[rows].astype(np.float64) - features[columns]) ** 2).sum(axis=1)
    np.testing.assert_allclose(distances, expected, rtol=1e-5, atol=1e-4)
    assert (distances[rows == columns] == 0).all()
