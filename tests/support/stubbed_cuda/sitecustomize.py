"""CUDA with two GPUs that are this machine's main memory: Python loads this first where it is on the path.

Everything that the code decides for a GPU is decided so, in every process of a run: devices, streams, the
thread of pinned memory, the backend. What computes is the CPU, and what speaks for NCCL is gloo.
"""

import contextlib

import torch
import torch.distributed as dist

GPUS = 2


class Stream:
    """Of a GPU that does what it is told at once; also passes for an event."""

    def __init__(self, *arguments, **options):
        pass

    def wait_stream(self, other):
        pass

    record = synchronize = lambda self, *arguments: None


def on_cpu(value):
    on_gpu = str(value).startswith("cuda") if isinstance(value, str | torch.device) else False
    return "cpu" if on_gpu else value


def elsewhere(function):
    """``function`` with the CPU wherever an argument says a GPU."""

    def call(*arguments, **options):
        return function(*map(on_cpu, arguments), **{name: on_cpu(option) for name, option in options.items()})

    return call


def generator_state(device=None):
    return torch.get_rng_state()


def nccl_is_gloo(join):
    def call(backend=None, **options):
        return join("gloo" if backend == "nccl" else backend, **options)

    return call


for name, value in {
    "is_available": lambda: True,
    "is_initialized": lambda: True,
    "device_count": lambda: GPUS,
    "current_device": lambda: 0,
    "get_device_name": lambda *_: "stub",
    "is_bf16_supported": lambda **_: True,
    "memory_allocated": lambda *_: 0,
    "max_memory_allocated": lambda *_: 0,
    "get_rng_state": generator_state,
    "current_stream": Stream,
    "stream": lambda stream: contextlib.nullcontext(),
    "Stream": Stream,
    "Event": Stream,
    "init": lambda: None,
    "manual_seed": lambda seed: None,
    "manual_seed_all": lambda seed: None,
    "set_device": lambda device: None,
    "synchronize": lambda *_: None,
    "set_rng_state": lambda state, device=None: None,
}.items():
    setattr(torch.cuda, name, value)
if hasattr(torch, "accelerator"):  # of newer versions of PyTorch
    torch.accelerator.current_device_index = lambda: 0
    torch.accelerator.set_device_index = lambda device: None
for name in ("_accelerator", "_cuda"):  # by version of PyTorch
    setattr(torch.optim.Optimizer, f"{name}_graph_capture_health_check", lambda optimizer: None)
torch.Tensor.pin_memory = lambda tensor, *_: tensor.clone()
torch.Tensor.record_stream = lambda tensor, stream: None
torch.Tensor.to = elsewhere(torch.Tensor.to)
torch.nn.Module.to = elsewhere(torch.nn.Module.to)
for name in ("tensor", "empty", "zeros"):
    setattr(torch, name, elsewhere(getattr(torch, name)))
dist.init_process_group = nccl_is_gloo(dist.init_process_group)
