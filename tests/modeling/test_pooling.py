"""Generalized-mean pooling against fast-reid's."""

import pytest
import torch
from fastreid.layers.pooling import GeneralizedMeanPoolingP
from mdpr.modeling.pooling import GeneralizedMeanPooling


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_pooling_of_half_precision_is_that_of_its_values_in_float32(dtype):
    x = torch.rand(3, 5, 4, 2).to(dtype).requires_grad_()
    result = GeneralizedMeanPooling()(x)
    torch.testing.assert_close(result, GeneralizedMeanPoolingP()(x.float()))
    result.sum().backward()
    assert x.grad.dtype == dtype


def test_float64_stays():
    assert GeneralizedMeanPooling().double()(torch.rand(1, 2, 3, 2).double()).dtype == torch.float64
