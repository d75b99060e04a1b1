"""Convolutions by matrix products against PyTorch's own, forwards and backwards."""

import pytest
import torch
from mdpr.kernels import gathered_convolution
from mdpr.kernels.convolution import Convolution, ProductConvolution, pointwise
from mdpr.kernels.gathered_convolution import Gathers, convolve_gathered
from torch import nn
from torch.nn import functional as F

GEOMETRIES = [(3, 1, 1), (3, 2, 1), (3, 1, 0), (5, 2, 2), (1, 2, 0)]  # kernel, stride, padding
GATHERS = {"everything": Gathers(True, True), "weight gradient": Gathers(False, True)}


def tensors(*shapes, dtype=torch.float64):
    return [torch.randn(shape, dtype=dtype).requires_grad_() for shape in shapes]


def assert_same_function(ours, theirs, inputs):
    result, expected = ours(*inputs), theirs(*inputs)
    torch.testing.assert_close(result, expected)
    gradient = torch.randn_like(expected)
    torch.testing.assert_close(
        torch.autograd.grad(result, inputs, gradient),
        torch.autograd.grad(expected, inputs, gradient),
    )


@pytest.mark.parametrize("gathered_bytes", [1, 2**20], ids=["image by image", "at once"])
@pytest.mark.parametrize("gathers", GATHERS.values(), ids=GATHERS)
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_gathered_convolution(geometry, gathers, gathered_bytes, monkeypatch):
    monkeypatch.setattr(gathered_convolution, "GATHERED_BYTES", gathered_bytes)
    kernel, stride, padding = geometry
    inputs = tensors((3, 4, 7, 6), (5, 4, kernel, kernel))
    assert_same_function(
        lambda x, w: convolve_gathered(x, w, stride, padding, gathers),
        lambda x, w: F.conv2d(x, w, stride=stride, padding=padding),
        inputs,
    )


@pytest.mark.parametrize("stride", [(1, 1), (2, 2), (2, 1)])
@pytest.mark.parametrize("bias", [True, False])
def test_pointwise_convolution(stride, bias):
    inputs = tensors((3, 4, 7, 6), (5, 4, 1, 1), *([(5,)] if bias else []))
    assert_same_function(
        lambda x, w, b=None: pointwise(x, w, b, stride),
        lambda x, w, b=None: F.conv2d(x, w, b, stride),
        inputs,
    )


def test_wide_convolutions_of_small_maps_gather():
    shapes = {(1024, 1024, 8), (1024, 1024, 30), (512, 512, 3), (512, 512, 8), (64, 2048, 3)}
    gathering = {
        (c, o, columns)
        for c, o, columns in shapes
        if Gathers.for_shapes(torch.empty(1, c, 6, columns), torch.empty(o, c, 3, 3)).everything
    }
    assert gathering == {(1024, 1024, 8), (1024, 1024, 30), (512, 512, 3)}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("options", [{}, {"bias": False}, {"stride": 2}])
@pytest.mark.parametrize("kind", [ProductConvolution, Convolution])
def test_module_is_the_convolution_it_replaces(kind, options, dtype):
    theirs, ours = (one(512, 512, 3, padding=1, **options).to(dtype) for one in (nn.Conv2d, kind))
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 512, 6, 3).to(dtype)
    tolerance = 1e-4 if dtype == torch.float32 else 5e-2
    torch.testing.assert_close(ours(x), theirs(x), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("columns", [1, 2])
def test_results_one_pixel_wide_are_right_in_bfloat16(columns):
    ours = ProductConvolution(256, 64, 3, stride=2, padding=1)
    x = torch.randn(4, 256, 8, columns)
    with torch.no_grad():
        expected = ours(x)
        torch.testing.assert_close(ours.bfloat16()(x.bfloat16()).float(), expected, rtol=0.05, atol=0.05)


@pytest.mark.parametrize(
    "options",
    [
        {"groups": 2},
        {"dilation": 2},
        {"padding": "same"},
        {"padding_mode": "reflect", "padding": 1},
        {"padding": (0, 1)},
        {"kernel_size": (3, 1)},
    ],
    ids=str,
)
def test_rarities_are_pytorchs(options):
    theirs, ours = (one(512, 512, **{"kernel_size": 3, **options}) for one in (nn.Conv2d, Convolution))
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 512, 6, 6)
    assert torch.equal(ours(x), theirs(x))


def test_autocast_computes_in_its_type_and_leaves_float32_gradients():
    convolution = Convolution(512, 512, 3, padding=1)
    x = torch.randn(2, 512, 6, 3, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = convolution(x)
    result.float().square().sum().backward()
    assert result.dtype == torch.bfloat16
    assert x.grad.dtype == convolution.weight.grad.dtype == torch.float32
    expected = torch.autograd.grad(
        F.conv2d(x, convolution.weight, convolution.bias, padding=1).square().sum(),
        (x, convolution.weight),
    )
    for ours, theirs in zip((x.grad, convolution.weight.grad), expected, strict=True):
        assert F.cosine_similarity(ours.flatten(), theirs.flatten(), dim=0) > 0.999


@pytest.mark.filterwarnings("ignore:`torch.jit.trace:FutureWarning")
def test_exported_graphs_keep_their_convolutions():
    module = nn.Sequential(Convolution(512, 512, 1), Convolution(512, 512, 3))
    graph = torch.jit.trace(module, torch.randn(1, 512, 6, 3)).inlined_graph
    assert str(graph).count("aten::_convolution") == 2
