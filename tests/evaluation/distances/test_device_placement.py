"""Nothing mixes devices, shown without a GPU by tensors that only claim to be on one."""

import numpy as np
import pytest
import torch
from mdpr.evaluation import FeatureDistances
from mdpr.evaluation.distances.ordering import fill_cells
from support.retrieval_by_loops import random_problem
from torch._subclasses.fake_tensor import FakeTensorMode


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_distances_stay_on_the_device(metric):
    query, gallery, labels = random_problem(0)
    with FakeTensorMode(allow_non_fake_inputs=True):
        source = FeatureDistances.from_features(query, gallery, metric=metric, device="cuda")
        block = source.rows(3, 9)
        assert block.device.type == "cuda"
        assert block.shape == (6, 80)
        assert block.dtype == torch.float64
        pairs = labels.pairs(3, 9)
        fill_cells(block, pairs.junk_rows, pairs.junk_columns, np.inf)
