"""This machine: the cores this process may use, bfloat16, and the main memory that tensors lie in."""

import ctypes
import os
from contextlib import suppress
from pathlib import Path

import torch

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # of glibc's malloc.h


_processes_on_these_cores = 1


def allowed_cores() -> frozenset[int]:
    """The cores that the system lets this process use, by number; all of them where it does not tell.

    Those it is kept from, as in a container, by ``taskset``, ``numactl`` or a scheduler, are not among them.
    """
    allowed = getattr(os, "sched_getaffinity", None)
    return frozenset(allowed(0)) if allowed else frozenset(range(os.cpu_count() or 1))


def share_cores(processes: int) -> None:
    """Say how many processes of the run, this one included, share this one's cores."""
    global _processes_on_these_cores  # noqa: PLW0603 - a fact of the process, as the cores are
    _processes_on_these_cores = processes


def usable_cores() -> int:
    """Cores for this process, at least one: its part of those it shares with others of its run."""
    return max(1, len(allowed_cores()) // _processes_on_these_cores)


def cpu_computes_in_bfloat16() -> bool:
    """Whether this CPU has instructions for bfloat16; others emulate it, slower than float32."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) and bool(
        torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    )


def has_gpu() -> bool:
    """Whether there is an NVIDIA GPU that the environment does not hide, be it usable or not."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return False
    return torch.cuda.device_count() > 0 or any(Path("/dev").glob("nvidia[0-9]*"))


def why_no_gpu() -> str:
    """What PyTorch says of CUDA where it cannot use it, such as a driver that is too old, in a line."""
    if torch.version.cuda is None:
        return f"PyTorch {torch.__version__} was built without CUDA"
    try:
        torch.cuda.init()
    except (RuntimeError, AssertionError) as error:
        return str(error).partition("\n")[0]
    return f"PyTorch {torch.__version__}, for CUDA {torch.version.cuda}, does not see it"


def ask_for_huge_pages() -> None:
    """Let PyTorch ask Linux for huge pages, unless the environment says otherwise.

    A training step allocates and frees gigabytes, and a page of 4 KiB costs a fault on its first use: making
    a 150 MB gradient on a CPU takes twice as long in them as in pages of 2 MiB.

    PyTorch reads ``THP_MEM_ALLOC_ENABLE`` at its first allocation and passes each large tensor to
    ``madvise``; processes started from this one do so too. Elsewhere than on Linux nothing changes.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")


def keep_freed_memory() -> None:
    """Let freed memory stay with this process for what is allocated next.

    glibc gives each piece of more than 32 MiB back to the system when it is freed. A network that runs
    again and again on a CPU then has its large maps made of new pages, zeroed one by one, at every call:
    10 to 20 % of the time of a deployed network. From here on, memory goes back by `return_free_memory`
    only.

    Where a variable of the environment such as ``MALLOC_MMAP_THRESHOLD_`` sets the allocator, and elsewhere
    than with glibc, nothing happens.
    """
    if any(name.startswith("MALLOC_") for name in os.environ):
        return
    with suppress(AttributeError, OSError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, -1)


def return_free_memory() -> None:
    """Give what the C library holds in reserve back to the system; a matter of milliseconds.

    It keeps what was freed between pieces still in use, so that a process seems to grow with every
    evaluation and checkpoint. Elsewhere than with glibc nothing happens.
    """
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
