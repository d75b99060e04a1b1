"""Convolutions by Winograd's algorithm are the convolutions they replace."""

import pytest
import torch
from mdpr.engine.trainer import Trainer
from mdpr.inference import deploy, winograd
from mdpr.inference.winograd import WinogradConvolution, use_winograd
from support.configs import tiny_config
from torch import nn


@pytest.mark.parametrize(
    "limits",  # bytes in the cache, tiles that must fit there, bytes otherwise
    [(1, 1, 1), (2000, 1, 1), (2000, 10**6, 2**30), (2**30, 1, 1)],
    ids=["image by image", "as many as fit", "at once", "all fit"],
)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size", [(6, 4), (5, 4), (6, 3), (1, 1)], ids=str)
def test_result_is_the_convolutions(size, bias, limits, monkeypatch):
    for name, limit in zip(("CACHED_BYTES", "LEAST_TILES", "TILE_BYTES"), limits, strict=True):
        monkeypatch.setattr(winograd, name, limit)
    convolution = nn.Conv2d(5, 7, 3, padding=1, bias=bias).double()
    for memory_format in (torch.contiguous_format, torch.channels_last):
        x = torch.randn(3, 5, *size).double().contiguous(memory_format=memory_format)
        kept = x.clone()
        with torch.no_grad():
            torch.testing.assert_close(WinogradConvolution(convolution)(x), convolution(x))
        assert torch.equal(x, kept)


def test_rounding_in_float32_is_small():
    convolution = nn.Conv2d(512, 512, 3, padding=1)
    x = torch.randn(2, 512, 8, 6)
    with torch.no_grad():
        result, expected = WinogradConvolution(convolution)(x), convolution.double()(x.double())
    assert (result - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_only_what_it_is_for_and_pays_is_replaced(monkeypatch):
    monkeypatch.setattr(winograd, "LEAST_CHANNELS", 8)
    same = {"padding": 1}
    layers = nn.Sequential(
        nn.Conv2d(8, 8, 3, **same),
        nn.Conv2d(8, 8, 3, stride=2, **same),
        nn.Conv2d(8, 8, 3),
        nn.Conv2d(8, 8, 3, groups=2, **same),
        nn.Conv2d(8, 8, 3, dilation=2, **same),
        nn.Conv2d(8, 8, 3, padding_mode="reflect", **same),
        nn.Conv2d(8, 8, 1),
        nn.Conv2d(8, 4, 3, **same),
    )
    use_winograd(layers)
    assert [isinstance(layer, WinogradConvolution) for layer in layers] == [True, *[False] * 7]


@pytest.mark.parametrize(("dtype", "taken"), [(torch.float32, True), (torch.bfloat16, False)])
def test_deployed_in_float32_only(dtype, taken):
    cfg = tiny_config()
    parts = deploy(Trainer.build_model(cfg), dtype=dtype).modules()
    assert any(isinstance(part, WinogradConvolution) for part in parts) is taken
