"""Blocks that keep less compute what fast-reid's compute."""

import copy

import pytest
import torch
from fastreid.layers import get_norm
from fastreid.modeling.backbones.resnet import BasicBlock, Bottleneck
from mdpr.kernels.accelerate import accelerate_parts
from mdpr.kernels.lean_blocks import LeanBasicBlock, LeanBottleneck, LeanStem
from torch import nn
from torch.autograd.graph import saved_tensors_hooks


def shortcut():
    return nn.Sequential(nn.Conv2d(8, 16, 1, 2, bias=False), get_norm("BN", 16))


BLOCKS = {
    "basic": lambda: BasicBlock(8, 8, "BN"),
    "basic, smaller": lambda: BasicBlock(8, 16, "BN", stride=2, downsample=shortcut()),
    "basic, IBN": lambda: BasicBlock(8, 8, "BN", True),
    "bottleneck": lambda: Bottleneck(8, 2, "BN"),
    "bottleneck, smaller": lambda: Bottleneck(8, 4, "BN", stride=2, downsample=shortcut()),
    "bottleneck, IBN": lambda: Bottleneck(8, 2, "BN", True),
    "bottleneck, squeeze and excitation": lambda: Bottleneck(8, 2, "BN", with_se=True, reduction=2),
}


def kept_by(module, x):
    kept = {}

    def keep(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.numel()
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        result = module(x)
    return result, sum(kept.values())


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", BLOCKS)
def test_results_gradients_and_statistics_are_fastreids(name, training):
    theirs = nn.Sequential(BLOCKS[name]()).train(training)
    ours = copy.deepcopy(theirs)
    accelerate_parts(ours, ["lean_blocks"])
    assert type(ours[0]) in (LeanBasicBlock, LeanBottleneck)
    x = torch.randn(2, 8, 16, 16, requires_grad=True)
    (expected, more), (result, less) = kept_by(theirs, x), kept_by(ours, x)
    assert torch.equal(result, expected)
    assert less < more if training else less == more
    gradient = torch.randn_like(result)
    for mine, other in zip(
        torch.autograd.grad(result, [x, *ours.parameters()], gradient),
        torch.autograd.grad(expected, [x, *theirs.parameters()], gradient),
        strict=True,
    ):
        assert torch.equal(mine, other)
    for key, value in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[key], value), key


def test_convolutions_run_once():
    calls = []
    block = nn.Sequential(Bottleneck(8, 2, "BN")).train()
    accelerate_parts(block, ["lean_blocks"])
    for part in block.modules():
        if isinstance(part, nn.Conv2d):
            part.register_forward_hook(lambda module, *_: calls.append(module))
    block(torch.randn(2, 8, 4, 4, requires_grad=True)).sum().backward()
    assert len(calls) == len(set(calls)) == 3


def test_stem():
    parts = {
        "conv1": nn.Conv2d(3, 8, 7, 2, 3, bias=False),
        "bn1": get_norm("BN", 8),
        "relu": nn.ReLU(inplace=True),
        "maxpool": nn.MaxPool2d(3, 2, ceil_mode=True),
        "layer1": nn.Sequential(BasicBlock(8, 8, "BN")),
        "layer2": nn.Sequential(BasicBlock(8, 8, "BN")),
    }
    theirs, ours = nn.Sequential(), LeanStem()
    for name, part in parts.items():
        theirs.add_module(name, part)
        ours.add_module(name, copy.deepcopy(part))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    x = torch.randn(2, 3, 32, 16)
    (expected, more), (result, less) = kept_by(theirs, x), kept_by(ours, x)
    assert torch.equal(result, expected)
    assert less < more
    result.sum().backward()
    expected.sum().backward()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(mine.grad, other.grad)
