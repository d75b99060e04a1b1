"""Convolutions with fewer multiplications against PyTorch's own, forwards and backwards."""

import pytest
import torch
from mdpr.kernels.convolution import Convolution
from mdpr.kernels.winograd_convolution import convolve_winograd, winograd_pays
from torch.nn import functional as F


@pytest.mark.parametrize("size", [(6, 4), (5, 4), (6, 3), (1, 1)], ids=str)
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=str)
def test_is_the_convolution(memory_format, size):
    x, weight = (
        torch.randn(shape).double().contiguous(memory_format=memory_format).requires_grad_()
        for shape in ((3, 5, *size), (7, 5, 3, 3))
    )
    result, expected = convolve_winograd(x, weight), F.conv2d(x, weight, padding=1)
    torch.testing.assert_close(result, expected)
    gradient = torch.randn_like(expected)
    torch.testing.assert_close(
        torch.autograd.grad(result, (x, weight), gradient),
        torch.autograd.grad(expected, (x, weight), gradient),
    )
    with torch.no_grad():
        assert torch.equal(convolve_winograd(x, weight), result)


@pytest.mark.parametrize("wanted", ["x", "weight"])
def test_one_gradient_alone(wanted):
    tensors = {"x": torch.randn(2, 4, 6, 4), "weight": torch.randn(4, 4, 3, 3)}
    tensors = {name: tensor.double() for name, tensor in tensors.items()}
    tensors[wanted].requires_grad_()
    (ours,) = torch.autograd.grad(convolve_winograd(**tensors).sum(), tensors[wanted])
    result = F.conv2d(tensors["x"], tensors["weight"], padding=1)
    torch.testing.assert_close(ours, torch.autograd.grad(result.sum(), tensors[wanted])[0])


@pytest.fixture
def calls(monkeypatch):
    """How often a `Convolution` has taken this way."""
    made = []

    def counted(x, weight):
        made.append(x.dtype)
        return convolve_winograd(x, weight)

    monkeypatch.setattr("mdpr.kernels.convolution.convolve_winograd", counted)
    return made


@pytest.mark.parametrize("bias", [True, False])
def test_wide_convolution_takes_it_and_rounds_little(bias, calls):
    convolution = Convolution(512, 512, 3, padding=1, bias=bias)
    x = torch.randn(8, 512, 8, 4, requires_grad=True)
    inputs = (x, *convolution.parameters())
    result = convolution(x)
    wide = [part.double() for part in inputs]
    expected = F.conv2d(wide[0], wide[1], wide[2] if bias else None, padding=1)
    gradient = torch.randn_like(result)
    ours = (result, *torch.autograd.grad(result, inputs, gradient))
    theirs = (expected, *torch.autograd.grad(expected, wide, gradient.double()))
    assert calls == [torch.float32]
    for one, other in zip(ours, theirs, strict=True):
        assert (one - other).abs().max() <= 1e-5 * other.abs().max()


@pytest.mark.parametrize("options", [{"stride": 2, "padding": 1}, {}, {"groups": 2, "padding": 1}], ids=str)
def test_other_geometries_do_not(options, calls):
    Convolution(512, 512, 3, **options)(torch.randn(8, 512, 8, 4))
    Convolution(512, 512, 5, padding=1)(torch.randn(8, 512, 8, 4))
    assert not calls


def test_mixed_precision_does_not(calls):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        Convolution(512, 512, 3, padding=1)(torch.randn(8, 512, 8, 4))
    assert not calls


def test_pays_for_many_channels_and_pixels_in_float32_only():
    def pays(images=8, channels=512, outputs=512, kernel=3, dtype=torch.float32):
        x = torch.empty(images, channels, 8, 4, dtype=dtype)
        return winograd_pays(x, torch.empty(outputs, channels, kernel, kernel, dtype=dtype))

    assert pays()
    assert not pays(images=7)
    assert not pays(outputs=256)
    assert not pays(channels=256)
    assert not pays(kernel=5)
    assert not pays(dtype=torch.bfloat16)
    assert not pays(dtype=torch.float64)


def test_gradients_of_gradients_are_refused():
    x = torch.randn(2, 4, 6, 4, requires_grad=True)
    result = convolve_winograd(x, torch.randn(4, 4, 3, 3))
    (gradient,) = torch.autograd.grad(result.square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()
