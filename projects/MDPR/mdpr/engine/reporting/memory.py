"""Memory of this process and of its GPU. Loader workers are processes of their own and not counted."""

import resource
import sys
from dataclasses import dataclass
from pathlib import Path

import torch

STATM = Path("/proc/self/statm")  # Linux: sizes in pages; the second is what is in memory
GIB = 2**30


@dataclass(frozen=True)
class Memory:
    """In bytes."""

    resident: int  # main memory that the process occupies
    gpu: int | None  # what PyTorch's tensors occupy on the GPU; None without one

    def __str__(self) -> str:
        gpu = "" if self.gpu is None else f" + {self.gpu / GIB:.1f} GB GPU"
        return f"{self.resident / GIB:.1f} GB{gpu}"


def memory_now() -> Memory:
    """What is occupied now (where the system does not tell, the peak of main memory)."""
    gpu = torch.cuda.memory_allocated() if torch.cuda.is_initialized() else None
    if not STATM.exists():
        return Memory(_peak_resident(), gpu)
    return Memory(int(STATM.read_text().split()[1]) * resource.getpagesize(), gpu)


def memory_peak() -> Memory:
    """The most that was occupied since the process started."""
    gpu = torch.cuda.max_memory_allocated() if torch.cuda.is_initialized() else None
    return Memory(_peak_resident(), gpu)


def _peak_resident() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
