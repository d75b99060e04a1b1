"""Jaccard distances: by plain loops, and the same bits in whatever order a device adds."""

import numpy as np
import pytest
import torch
from mdpr.evaluation.distances.grid import to_grid
from mdpr.evaluation.reranking.jaccard import JaccardDistances
from mdpr.evaluation.reranking.k_reciprocal import encode
from mdpr.evaluation.reranking.neighbours import nearest_neighbours

NUM_QUERY, NUM_IMAGES = 150, 300


@pytest.fixture(scope="module", params=[1, 6])
def encoding(request):
    features = np.random.default_rng(0).standard_normal((NUM_IMAGES, 6)).astype(np.float32)
    images = to_grid(features, normalise=True)
    neighbours, distances = nearest_neighbours(images, 20)
    return encode(images, neighbours, distances, k1=20, k2=request.param)


def distances_of(encoding):
    block = torch.zeros(NUM_QUERY, NUM_IMAGES - NUM_QUERY, dtype=torch.float64)
    JaccardDistances(encoding, NUM_QUERY, torch.device("cpu")).add_to(block, 0, 1.0)
    return block.numpy()


def test_equals_plain_loops(encoding):
    dense, found = encoding.toarray(), distances_of(encoding)
    for query in range(NUM_QUERY):
        for image in range(NUM_QUERY, NUM_IMAGES):
            shared = np.minimum(dense[query], dense[image]).sum()
            either = np.maximum(dense[query], dense[image]).sum()
            assert found[query, image - NUM_QUERY] == pytest.approx(1 - shared / either, abs=1e-12)


def test_order_of_the_terms_changes_no_bit(encoding):
    order = np.random.default_rng(1).permutation(NUM_IMAGES)
    np.testing.assert_array_equal(distances_of(encoding[:, order].sorted_indices()), distances_of(encoding))


def test_a_part_of_the_queries(encoding):
    block = torch.ones(3, NUM_IMAGES - NUM_QUERY, dtype=torch.float64)
    JaccardDistances(encoding, NUM_QUERY, torch.device("cpu")).add_to(block, 140, 0.5)
    np.testing.assert_array_equal(block.numpy(), 1 + 0.5 * distances_of(encoding)[140:143])


def test_a_gpu_has_the_bits_of_a_cpu(encoding):
    """What a GPU runs, here on the CPU; where it is placed is tested with fake tensors."""
    jaccard = JaccardDistances(encoding, NUM_QUERY, torch.device("cpu"))
    expected = jaccard._on_cpu(40, 60)
    for arrays in (jaccard._entries, jaccard._gallery):
        arrays[:] = [torch.from_numpy(array) for array in arrays]
    np.testing.assert_array_equal(jaccard._on_gpu(40, 60), expected)
