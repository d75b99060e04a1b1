"""All gradients at once, against fast-reid's clipping of one parameter after the other."""

import math

import pytest
import torch
from fastreid.solver.build import maybe_add_gradient_clipping
from mdpr.compat.gradient_clipping import with_clipped_gradients
from support.configs import tiny_config

SIZES = (0.0, 0.01, 1.0, 100.0)
KINDS = [("norm", 2.0), ("norm", 1.0), ("norm", math.inf), ("value", 2.0)]


def stepped(wrap, cfg):
    """Parameters after a step of 1 against gradients of several sizes."""
    generator = torch.Generator().manual_seed(0)
    parameters = [torch.nn.Parameter(torch.zeros(3, 2)) for _ in SIZES]
    for parameter, size in zip(parameters, SIZES, strict=True):
        parameter.grad = size * torch.randn(3, 2, generator=generator)
    wrap(cfg, torch.optim.SGD)(parameters, lr=1.0).step()
    return torch.stack([p.detach() for p in parameters])


@pytest.mark.parametrize(("kind", "power"), KINDS)
def test_the_numbers_are_fastreids(kind, power):
    cfg = tiny_config(
        *("SOLVER.CLIP_GRADIENTS.ENABLED", True, "SOLVER.CLIP_GRADIENTS.CLIP_VALUE", 0.5),
        *("SOLVER.CLIP_GRADIENTS.CLIP_TYPE", kind, "SOLVER.CLIP_GRADIENTS.NORM_TYPE", power),
    )
    ours, theirs = (stepped(wrap, cfg) for wrap in (with_clipped_gradients, maybe_add_gradient_clipping))
    assert ours[1:].abs().sum(dim=(1, 2)).gt(0).all()
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("kind", ["norm", "value"])
def test_parameters_without_a_gradient_are_left_alone(kind):
    cfg = tiny_config("SOLVER.CLIP_GRADIENTS.ENABLED", True, "SOLVER.CLIP_GRADIENTS.CLIP_TYPE", kind)
    parameter = torch.nn.Parameter(torch.zeros(2))
    with_clipped_gradients(cfg, torch.optim.SGD)([parameter], lr=1.0).step()
    assert parameter.tolist() == [0, 0]


def test_off_it_is_the_optimizer_itself():
    assert with_clipped_gradients(tiny_config(), torch.optim.SGD) is torch.optim.SGD
