import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mdpr.evaluation.distances.grid import to_grid
from mdpr.evaluation.reranking import neighbours
from support.retrieval_by_loops import neighbours_by_sorting


def nearest_neighbours(features, k):
    return neighbours.nearest_neighbours(features, k)[0]


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


def noisy(search):
    """A search whose distances are as far off as float32 may be."""

    def noisy_search(*arguments, **options):
        distances, found = search(*arguments, **options)
        noise = np.random.default_rng(0).uniform(-1e-6, 1e-6, distances.shape)
        distances = (distances + noise).astype(np.float32)
        order = distances.argsort(axis=1)
        return np.take_along_axis(distances, order, 1), np.take_along_axis(found, order, 1)

    return noisy_search


@pytest.fixture
def noisy_cpu(monkeypatch):
    faiss = neighbours.faiss
    monkeypatch.setattr(faiss, "knn", noisy(faiss.knn))


GIB = 2**30


class Resources:
    """faiss's, which say what they were told."""

    def setTempMemory(self, size):  # noqa: N802 - faiss's name
        self.temporary = size


@pytest.fixture
def gpu(monkeypatch):
    """A faiss that sees GPUs, each with 6 GiB free; what is asked of it."""
    faiss, asked = neighbours.faiss, []

    def knn_gpu(resources, queries, vectors, k, *, device, **limits):
        asked.append({"k": k, "device": device, "temporary": resources.temporary, **limits})
        return noisy(faiss.knn)(queries, vectors, k)

    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 1)
    monkeypatch.setattr(faiss, "StandardGpuResources", Resources, raising=False)
    monkeypatch.setattr(faiss, "knn_gpu", knn_gpu, raising=False)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (6 * GIB, 24 * GIB))
    return asked


def pretend_features_are_on(device, monkeypatch):
    search = neighbours._search
    place = torch.device(device)
    monkeypatch.setattr(neighbours, "_search", lambda vectors, rows, k, _: search(vectors, rows, k, place))


def nearly_equal(num):
    """Vectors whose distances float32 hardly tells apart."""
    random = np.random.default_rng(2)
    return on_grid(random.standard_normal((num, 1)) + 1e-3 * random.standard_normal((num, 6)), True)


@pytest.mark.parametrize("num", [10, 60, 500])
def test_noise_on_the_cpu_does_not_show(num, noisy_cpu):
    features = nearly_equal(num)
    expected = neighbours_by_sorting(features.values.numpy(), 8)
    np.testing.assert_array_equal(nearest_neighbours(features, 8), expected)


@pytest.mark.parametrize("num", [10, 60, 500])
@pytest.mark.parametrize(("device", "index"), [("cuda", -1), ("cuda:1", 1)])
def test_noise_on_a_gpu_does_not_show(num, device, index, gpu, monkeypatch):
    features = nearly_equal(num)
    pretend_features_are_on(device, monkeypatch)
    expected = neighbours_by_sorting(features.values.numpy(), 8)
    np.testing.assert_array_equal(nearest_neighbours(features, 8), expected)
    (asked,) = gpu
    assert (asked["k"], asked["device"]) == (min(16, num), index)


@pytest.mark.parametrize(("free", "limit"), [(6 * GIB, 3 * GIB // 2), (80 * GIB, 2 * GIB)])
def test_faiss_takes_three_quarters_of_what_is_free_at_most(free, limit, gpu, monkeypatch):
    pretend_features_are_on("cuda", monkeypatch)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 80 * GIB))
    nearest_neighbours(nearly_equal(60), 8)
    names = ("temporary", "vectorsMemoryLimit", "queriesMemoryLimit")
    assert [gpu[0][name] for name in names] == [limit] * 3


def test_a_gpu_that_was_not_asked_for_is_left_alone(gpu):
    features = nearly_equal(60)
    expected = neighbours_by_sorting(features.values.numpy(), 8)
    np.testing.assert_array_equal(nearest_neighbours(features, 8), expected)
    assert gpu == []


def test_threads_change_nothing():
    features = on_grid(np.random.default_rng(0).standard_normal((300, 64)), True)
    found = []
    threads = torch.get_num_threads()
    faiss = neighbours.faiss
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
    found, distances = neighbours.nearest_neighbours(grid, 6)
    vectors = grid.values.double().numpy() * grid.scale.numpy()[:, None]
    expected = ((vectors[:, None] - vectors[found]) ** 2).sum(axis=2)
    np.testing.assert_allclose(distances, expected, atol=1e-12)
    assert (distances[:, 0] == 0).all()
