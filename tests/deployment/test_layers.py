"""Layers of deployed networks against those they replace."""

import pytest
import torch
from fastreid.layers import IBN
from mdpr.deployment.layers import HalfInstanceNorm
from torch import nn


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 0.05)])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=str)
def test_half_instance_norm(memory_format, dtype, tolerance):
    norm = IBN(10, "BN")
    nn.init.uniform_(norm.IN.weight, 0.5, 2.0)
    nn.init.normal_(norm.IN.bias)
    # The mean far from zero, where a variance from sums of squares would be off.
    x = (torch.randn(3, 10, 6, 4) + 3 * torch.randn(10, 1, 1)).to(dtype)
    expected = norm.double().IN(x[:, :5].double())
    layer = HalfInstanceNorm(norm.to(dtype))
    with torch.no_grad():
        result = layer(x.clone(memory_format=memory_format))
    assert result.dtype == dtype
    torch.testing.assert_close(result[:, :5].double(), expected, rtol=tolerance, atol=tolerance)
    assert torch.equal(result[:, 5:], x[:, 5:])
