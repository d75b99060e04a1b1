"""A GPU that is not there: tensors that claim to be on one have no value that could be read."""

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode


class CountReadings(TorchDispatchMode):
    """Counts what would bring a number from the device to the host."""

    def __init__(self):
        super().__init__()
        self.readings = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function in (
            torch.ops.aten._local_scalar_dense.default,
            torch.ops.aten.nonzero.default,
            torch.ops.aten.is_nonzero.default,
        ):
            self.readings.append(function)
        return function(*args, **(kwargs or {}))


def on_fake_gpu(model):
    """Move a model to a GPU that is not there; under the mode returned, everything may be."""
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    with mode:
        for module in model.modules():
            for name, p in module.named_parameters(recurse=False):
                fake = torch.empty(p.shape, device="cuda")
                setattr(module, name, nn.Parameter(fake, requires_grad=p.requires_grad))
            for name, buffer in module.named_buffers(recurse=False):
                module._buffers[name] = torch.zeros_like(buffer, device="cuda")
    return mode
