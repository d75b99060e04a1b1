"""Nothing mixes devices, shown without a GPU by tensors that only claim to be on one."""

import numpy as np
import pytest
import torch
from mdpr.evaluation import RetrievalFeatures
from mdpr.evaluation.distances import grid
from mdpr.evaluation.distances.feature_distances import FeatureDistances
from mdpr.evaluation.distances.grid import GridFeatures, to_grid
from mdpr.evaluation.distances.ordering import fill_cells
from mdpr.evaluation.reranking.jaccard import JaccardDistances
from scipy.sparse import csr_array
from support.retrieval_by_loops import random_problem
from torch._subclasses.fake_tensor import FakeTensorMode


def on_fake_gpu(features):
    return GridFeatures(*(values.to("cuda") for values in vars(features).values()))


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_distances_stay_on_the_device(metric):
    query, gallery, labels = random_problem(0)
    images = RetrievalFeatures.from_features(query, gallery, metric).images
    with FakeTensorMode(allow_non_fake_inputs=True):
        images = on_fake_gpu(images)
        block = FeatureDistances(images[:20], images[20:], metric).rows(3, 9)
        assert block.device.type == "cuda"
        assert block.shape == (6, 80)
        assert block.dtype == torch.float64
        pairs = labels.pairs(3, 9)
        fill_cells(block, pairs.junk_rows, pairs.junk_columns, np.inf)


def test_reranked_distances_stay_on_the_device():
    encoding = csr_array(np.random.default_rng(0).uniform(0, 1, (100, 100)))
    with FakeTensorMode(allow_non_fake_inputs=True):
        block = torch.zeros(6, 80, dtype=torch.float64, device="cuda")
        JaccardDistances(encoding, 20, torch.device("cuda")).add_to(block, 3, 0.7)
        assert block.device.type == "cuda"


def test_features_go_where_they_are_wanted():
    query, gallery, _ = random_problem(0)
    with FakeTensorMode(allow_non_fake_inputs=True):
        images = RetrievalFeatures.from_features(query, gallery, "euclidean", device="cuda").images
        assert {values.device.type for values in vars(images).values()} == {"cuda"}


def test_products_of_a_gpu_have_the_bits_of_a_cpus(monkeypatch):
    random = np.random.default_rng(1)
    features = to_grid(random.standard_normal((50, 301)).astype(np.float32), normalise=True)
    rows, columns = (torch.from_numpy(index) for index in random.integers(0, 50, (2, 700)))
    monkeypatch.setattr(grid, "_BYTES_ON_GPU", 2**17)  # several parts
    expected = grid._products(features.values.numpy(), rows.numpy(), columns.numpy())
    np.testing.assert_array_equal(grid._products_on_gpu(features.values, rows, columns), expected)
    with FakeTensorMode(allow_non_fake_inputs=True):
        products = grid._products_on_gpu(features.values.to("cuda"), rows.to("cuda"), columns.to("cuda"))
        assert (products.device.type, products.shape) == ("cuda", (700,))
