import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mdpr.evaluation.distances.grid import to_grid
from mdpr.evaluation.reranking import candidates
from mdpr.evaluation.reranking.neighbours import nearest_neighbours, neighbours_and_distances
from support.retrieval_by_loops import neighbours_by_sorting


def on_grid(features, normalise=False):
    return to_grid(np.asarray(features, dtype=np.float32), normalise=normalise)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 25), st.integers(1, 8), st.integers(2, 5))
def test_order_with_many_ties(seed, num, k, levels):
    features = np.random.default_rng(seed).integers(0, levels, (num, 3)).astype(np.float32)
    expected = neighbours_by_sorting(features, k)
    np.testing.assert_array_equal(nearest_neighbours(on_grid(features), k), expected)


def test_order_without_ties():
    features = np.random.default_rng(0).standard_normal((150, 40))
    found = nearest_neighbours(on_grid(features), 20)
    np.testing.assert_array_equal(found, neighbours_by_sorting(features, 20))


def test_vectors_of_very_different_length():
    random = np.random.default_rng(1)
    features = random.standard_normal((80, 8)) * 10.0 ** random.uniform(-4, 4, (80, 1))
    features = features.astype(np.float32).astype(np.float64)
    found = nearest_neighbours(on_grid(features), 5)
    assert (found[:, 0] == np.arange(80)).all()
    # Distances to far longer vectors carry rounding, so the distances are compared, not indices.
    distances = ((features[:, None] - features[found]) ** 2).sum(axis=2)
    expected = ((features[:, None] - features[neighbours_by_sorting(features, 5)]) ** 2).sum(axis=2)
    np.testing.assert_allclose(distances, expected, rtol=1e-6)


def test_more_copies_than_neighbours():
    features = np.repeat(np.eye(4), 10, axis=0)
    found = nearest_neighbours(on_grid(features), 3)
    assert found[0].tolist() == [0, 1, 2]
    assert found[7].tolist() == [7, 0, 1]
    assert found[39].tolist() == [39, 30, 31]


def test_nearly_equal_long_vectors_keep_themselves_first():
    random = np.random.default_rng(3)
    base = 1e6 * random.standard_normal((1, 20))
    features = (base + 0.1 * random.standard_normal((50, 20))).astype(np.float32)
    assert (nearest_neighbours(on_grid(features), 7)[:, 0] == np.arange(50)).all()


def test_lengths_beyond_the_range_of_float32_squares():
    features = np.array([[1e25], [3e25], [-1.5e25], [4e25]], dtype=np.float32)
    found = nearest_neighbours(on_grid(features), 3)
    assert found.tolist() == [[0, 1, 2], [1, 3, 0], [2, 0, 1], [3, 1, 0]]


def test_fewer_vectors_than_neighbours():
    assert nearest_neighbours(on_grid([[0.0], [1.0], [3.0]]), 20).tolist() == [
        [0, 1, 2],
        [1, 0, 2],
        [2, 1, 0],
    ]
    assert nearest_neighbours(on_grid([[1.0]]), 20).tolist() == [[0]]


@pytest.fixture
def gpu(monkeypatch):
    """A faiss that sees GPUs; the numbers of neighbours asked of it, and of which."""
    faiss, asked = candidates.faiss, []

    def knn_gpu(resources, queries, vectors, k, device):
        asked.append((k, device))
        distances, found = faiss.knn(queries, vectors, k)
        # As far off as float32 may be.
        noise = np.random.default_rng(0).uniform(-1e-6, 1e-6, distances.shape)
        distances = (distances + noise).astype(np.float32)
        order = distances.argsort(axis=1)
        return np.take_along_axis(distances, order, 1), np.take_along_axis(found, order, 1)

    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 1)
    monkeypatch.setattr(faiss, "StandardGpuResources", object, raising=False)
    monkeypatch.setattr(faiss, "knn_gpu", knn_gpu, raising=False)
    return asked


@pytest.fixture
def float32_cpu(monkeypatch):
    monkeypatch.setattr(candidates, "cpu_computes_in_bfloat16", lambda: False)


@pytest.fixture
def bfloat16_cpu(monkeypatch):
    """A CPU that computes in bfloat16; the dtypes of the matrix products asked of it."""
    product, asked = torch.mm, []

    def mm(left, right, out):
        asked.append(left.dtype)
        return product(left, right, out=out)

    monkeypatch.setattr(candidates, "cpu_computes_in_bfloat16", lambda: True)
    monkeypatch.setattr(torch, "mm", mm)
    return asked


@pytest.fixture
def noisy_products(monkeypatch, float32_cpu):
    """Matrix products that are as far off as float32 may be."""
    product = torch.addmm

    def addmm(*arguments, out, **options):
        return product(*arguments, out=out, **options).add_(
            5e-7 * torch.randn_like(out).clamp(-1, 1)
        )

    monkeypatch.setattr(torch, "addmm", addmm)


def nearly_equal(num):
    """Vectors whose distances float32 hardly tells apart."""
    random = np.random.default_rng(2)
    return on_grid(random.standard_normal((num, 1)) + 1e-3 * random.standard_normal((num, 6)), True)


@pytest.mark.parametrize("num", [10, 60, 500])
def test_noise_on_the_cpu_does_not_show(num, noisy_products):
    features = nearly_equal(num)
    expected = neighbours_by_sorting(features.values, 8)
    np.testing.assert_array_equal(nearest_neighbours(features, 8), expected)


@pytest.mark.parametrize("num", [10, 60, 500])
@pytest.mark.parametrize(("device", "index"), [("cuda", -1), ("cuda:1", 1)])
def test_noise_on_a_gpu_does_not_show(num, device, index, gpu):
    features = nearly_equal(num)
    expected = neighbours_by_sorting(features.values, 8)
    np.testing.assert_array_equal(nearest_neighbours(features, 8, device=device), expected)
    assert gpu == [(min(16, num), index)]


def test_a_gpu_that_was_not_asked_for_is_left_alone(gpu):
    features = nearly_equal(60)
    expected = neighbours_by_sorting(features.values, 8)
    np.testing.assert_array_equal(nearest_neighbours(features, 8), expected)
    assert gpu == []


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, 10**6), st.integers(30, 400), st.sampled_from([3, 40, 200]), st.booleans())
def test_bfloat16_does_not_show(bfloat16_cpu, seed, num, dimension, shift):
    random = np.random.default_rng(seed)
    features = on_grid(random.standard_normal((num, dimension)) + 2.0 * shift, normalise=True)
    bfloat16_cpu.clear()
    found = nearest_neighbours(features, 5)
    assert bfloat16_cpu[0] == torch.bfloat16
    np.testing.assert_array_equal(found, neighbours_by_sorting(features.values, 5))


def test_float32_takes_over_where_bfloat16_leaves_too_many(bfloat16_cpu, monkeypatch):
    monkeypatch.setattr(candidates, "_BLOCK_BYTES", 4 * 500 * 100)
    features = nearly_equal(500)
    expected = neighbours_by_sorting(features.values, 8)
    np.testing.assert_array_equal(nearest_neighbours(features, 8), expected)
    assert bfloat16_cpu.count(torch.bfloat16) == 1  # of five blocks


def test_lengths_that_differ_are_for_float32(bfloat16_cpu):
    features = np.random.default_rng(0).standard_normal((100, 8)).astype(np.float32)
    found = nearest_neighbours(on_grid(features), 5)
    np.testing.assert_array_equal(found, neighbours_by_sorting(features, 5))
    assert torch.bfloat16 not in bfloat16_cpu


def test_matrix_products_that_were_allowed_to_be_coarse(float32_cpu):
    features = on_grid(np.random.default_rng(4).standard_normal((400, 64)), True)
    expected = nearest_neighbours(features, 10)
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        np.testing.assert_array_equal(nearest_neighbours(features, 10), expected)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(precision)


def test_threads_change_nothing():
    features = on_grid(np.random.default_rng(0).standard_normal((300, 64)), True)
    found = []
    threads = torch.get_num_threads()
    faiss = candidates.faiss
    for num_threads in (1, 2):
        torch.set_num_threads(num_threads)
        faiss.omp_set_num_threads(num_threads)
        found.append(nearest_neighbours(features, 20))
    torch.set_num_threads(threads)
    faiss.omp_set_num_threads(threads)
    np.testing.assert_array_equal(*found)


def test_wrong_k():
    with pytest.raises(ValueError, match="number of neighbours must be at least 1, got 0"):
        nearest_neighbours(on_grid([[1.0]]), 0)


@pytest.mark.parametrize("normalise", [True, False])
def test_distances(normalise):
    features = np.random.default_rng(5).standard_normal((60, 7)).astype(np.float32)
    grid = on_grid(np.concatenate([features, features[:9]]), normalise)
    found, distances = neighbours_and_distances(grid, 6)
    vectors = grid.values.astype(np.float64) * grid.scale[:, None]
    expected = ((vectors[:, None] - vectors[found]) ** 2).sum(axis=2)
    np.testing.assert_allclose(distances, expected, atol=1e-12)
    assert (distances[:, 0] == 0).all()
