"""What the machine is, for the JSON file; needs nothing but Python."""

import importlib.metadata
import os
import platform
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

PACKAGES: dict[str, str] = {
    "torch": "torch",
    "torchvision": "torchvision",
    "numpy": "numpy",
    "faiss": "faiss-gpu" if (sys.platform, platform.machine()) == ("linux", "x86_64") else "faiss-cpu",
    "sklearn": "scikit-learn",
    "scipy": "scipy",
    "yacs": "yacs",
    "yaml": "PyYAML",
    "tabulate": "tabulate",
    "termcolor": "termcolor",
    "tensorboard": "tensorboard",
    "setuptools": "setuptools",
    "packaging": "packaging",
    "safetensors": "safetensors",
    "PIL": "Pillow",
    "tqdm": "tqdm",
    "jinja2": "Jinja2",
    "fastreid": "fastreid",
}
"""What has to be installed: the name to import, and that to install."""


def installed_version(package: str) -> str | None:
    """The version of an installed package; None where its metadata is missing, as where it was copied."""
    with suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(package)
    return None


def machine_facts() -> dict[str, Any]:
    """Python, system, processor, cores, memory in GiB, versions, and GPUs where PyTorch sees them."""
    facts: dict[str, Any] = {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": line_of("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": os.cpu_count(),
        "memory_gib": _memory(),
        "packages": {name: version for name in PACKAGES.values() if (version := installed_version(name))},
    }
    with suppress(ImportError):
        import torch  # noqa: PLC0415 - it may be what is missing

        facts["cuda_of_torch"] = torch.version.cuda
        facts["gpus"] = [torch.cuda.get_device_name(gpu) for gpu in range(torch.cuda.device_count())]
    return facts


def _memory() -> float | None:
    line = line_of("/proc/meminfo", "MemTotal")
    return None if line is None else round(int(line.split()[0]) / 2**20, 1)


def line_of(file: str, key: str) -> str | None:
    """Read what stands behind ``key:`` in a file of the system; None where there is no such file."""
    with suppress(OSError):
        for line in Path(file).read_text().splitlines():
            if line.startswith(key):
                return line.partition(":")[2].strip()
    return None
