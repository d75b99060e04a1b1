"""Generalized-mean pooling against fast-reid's, and several blocks as one against one by one."""

import pytest
import torch
from fastreid.layers import get_norm
from fastreid.layers.pooling import GeneralizedMeanPoolingP
from mdpr.kernels.convolution import Convolution
from mdpr.kernels.pooling import OneStepPooling
from mdpr.kernels.stacking import normalize_stacked, project_stacked
from torch import nn


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("exponent", [1.0, 3.0, 4.5])
def test_pooling_is_fastreids(exponent, memory_format):
    ours, theirs = (
        OneStepPooling(exponent).double(),
        GeneralizedMeanPoolingP(exponent).double(),
    )
    # As after a ReLU: zeros, which are clamped.
    x = torch.randn(3, 5, 4, 2).double().relu().contiguous(memory_format=memory_format)
    gradient = torch.randn(3, 5, 1, 1).double()
    x.requires_grad_()
    result, expected = ours(x), theirs(x)
    torch.testing.assert_close(result, expected)
    torch.testing.assert_close(
        torch.autograd.grad(result, (x, ours.p), gradient),
        torch.autograd.grad(expected, (x, theirs.p), gradient),
    )
    with torch.no_grad():
        torch.testing.assert_close(ours(x), expected)


def test_pooling_of_half_precision_is_that_of_its_values_in_float32():
    x = torch.rand(3, 5, 4, 2).bfloat16().requires_grad_()
    result = OneStepPooling()(x)
    torch.testing.assert_close(result, GeneralizedMeanPoolingP()(x.float()))
    result.sum().backward()
    assert x.grad.dtype == torch.bfloat16


def test_projections_side_by_side():
    projections = [Convolution(4, 3, 1, bias=False) for _ in range(3)]
    x = torch.randn(2, 4, 5, 2)
    expected = torch.cat([projection(x) for projection in projections], dim=1)
    torch.testing.assert_close(project_stacked(projections, x), expected)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind", ["BN", "syncBN", "GhostBN", "FrozenBN"])
def test_norms_side_by_side(kind, training):
    norms = nn.ModuleList(get_norm(kind, 3) for _ in range(3)).train(training)
    for value in norms.state_dict().values():
        if value.dtype.is_floating_point:
            nn.init.uniform_(value, 0.5, 1.5)
    alone = nn.ModuleList(get_norm(kind, 3) for _ in range(3)).train(training)
    alone.load_state_dict(norms.state_dict())
    x = torch.randn(4, 9, 5, 2)
    expected = torch.cat([n(p) for n, p in zip(alone, x.chunk(3, dim=1), strict=True)], dim=1)
    torch.testing.assert_close(normalize_stacked(list(norms), x), expected)
    torch.testing.assert_close(norms.state_dict(), alone.state_dict())
