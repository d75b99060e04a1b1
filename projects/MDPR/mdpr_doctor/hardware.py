"""Checks of what the machine has: GPUs and their driver, bfloat16, shared memory, disk, data sets."""

import ctypes
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import mdpr.host
import torch
from fastreid.data.datasets import DATASET_REGISTRY
from fastreid.data.transforms import build_transforms
from fastreid.modeling.meta_arch import build_model
from mdpr.config import changed
from mdpr.data.datasets.base import dataset_root
from mdpr.data.datasets.msmt17 import VERSIONS
from mdpr.engine.setup import make_config
from PIL import Image

from mdpr_doctor.configs import RECIPE, options
from mdpr_doctor.finding import Finding, failed, not_here, ok

SHARED_MEMORY = Path("/dev/shm")
TEMPORARY_GIB = 2  # what the runs of the doctor have on the disk at a time, and a margin
_ADAM = 3  # a weight and its two moments
_IDENTITIES = 751  # of Market-1501: one of the larger classifiers


def check_gpu() -> Finding:
    """The GPUs, and whether the driver is new enough for the CUDA that PyTorch was built for."""
    if not mdpr.host.has_gpu():
        return not_here(mdpr.host.why_no_gpu())
    driver = _cuda_of_driver()
    if not torch.cuda.is_available():
        return failed(
            f"{mdpr.host.why_no_gpu()} (torch for CUDA {torch.version.cuda}, driver for CUDA {driver})",
            "a newer driver, or a torch for the driver's CUDA: https://pytorch.org/get-started/previous-versions",
        )
    gpus = [torch.cuda.get_device_properties(gpu) for gpu in range(torch.cuda.device_count())]
    for number, gpu in enumerate(gpus):
        try:
            torch.ones(2, device=f"cuda:{number}").add_(1).tolist()
        except RuntimeError as error:
            reason = str(error).partition("\n")[0]
            return failed(
                f"GPU {number}, {gpu.name}: {reason}", "a torch with code for this GPU's generation"
            )
    names = ", ".join(
        f"{gpu.name} ({gpu.total_memory / 2**30:.0f} GiB, sm_{gpu.major}{gpu.minor})" for gpu in gpus
    )
    return ok(f"{names}; torch for CUDA {torch.version.cuda}, driver for CUDA {driver}")


def _cuda_of_driver() -> str:
    """The newest CUDA that the driver can do, as it says itself."""
    version = ctypes.c_int()
    with suppress(OSError, AttributeError):
        if ctypes.CDLL("libcuda.so.1").cuDriverGetVersion(ctypes.byref(version)) == 0:
            return f"{version.value // 1000}.{version.value % 1000 // 10}"
    return "unknown"


def check_bfloat16() -> Finding:
    """Whether CPU and GPU compute in bfloat16, which others only emulate."""
    places = ["this CPU"] if mdpr.host.cpu_computes_in_bfloat16() else []
    if torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False):
        places.append("the GPU")
    if places:
        return ok(f"{' and '.join(places)} can compute in it")
    return not_here("this machine would only emulate it: runs without a GPU train in float32")


def check_shared_memory() -> Finding:
    """Whether the batches of the paper's recipe that loader processes hold fit into shared memory."""
    cfg, _ = make_config("", options(RECIPE, {"MODEL.DEVICE": "cpu"}))
    image = build_transforms(cfg, is_train=False)(Image.new("RGB", (64, 128)))
    batch = image.nbytes * cfg.SOLVER.IMS_PER_BATCH
    workers = min(cfg.DATALOADER.NUM_WORKERS, mdpr.host.usable_cores())
    needed = batch * (2 * workers + 1)  # two that each has made ahead, one in use
    found = (
        f"{mdpr.host.usable_cores()} cores; {workers} loader processes hold up to {needed / 1e6:.0f} MB "
        f"(a batch of the recipe: {batch / 1e6:.1f} MB)"
    )
    if not SHARED_MEMORY.is_dir():
        return ok(f"{found}; this system has no {SHARED_MEMORY}", needed_bytes=needed)
    free = shutil.disk_usage(SHARED_MEMORY).free
    found += f", {SHARED_MEMORY} has {free / 1e6:.0f} MB"
    if free < needed:
        advice = "docker run --ipc=host, or --shm-size=2g; or train with DATALOADER.NUM_WORKERS 0"
        return failed(found, advice, needed_bytes=needed, free_bytes=free)
    return ok(found, needed_bytes=needed, free_bytes=free)


def check_disk() -> Finding:
    """Whether the checkpoints of a run fit where the working folder's logs/ is, and the doctor's own runs."""
    cfg, _ = make_config("", options(RECIPE, {"MODEL.HEADS.NUM_CLASSES": _IDENTITIES, "MODEL.DEVICE": "cpu"}))
    with torch.device("meta"):
        weights = build_model(changed(cfg, "MODEL.DEVICE", "meta")).parameters()
    checkpoint = _ADAM * sum(weight.nbytes for weight in weights) / 2**30
    files = cfg.SOLVER.CHECKPOINT_KEEP + 2  # and the best one, and one being written
    place = Path(cfg.OUTPUT_DIR).absolute()
    place = next(folder for folder in (place, *place.parents) if folder.exists())
    free, temporary = (shutil.disk_usage(folder).free / 2**30 for folder in (place, tempfile.gettempdir()))
    found = (
        f"{place}: {free:.0f} GiB free; a run of the recipe keeps {files} checkpoints of {checkpoint:.1f} GiB"
    )
    if not os.access(place, os.W_OK):
        return failed(f"{place} cannot be written", "set OUTPUT_DIR to a folder of yours")
    if free < files * checkpoint:
        return failed(found, "free space, set OUTPUT_DIR to another disk, or lower SOLVER.CHECKPOINT_KEEP")
    if temporary < TEMPORARY_GIB:
        advice = f"the checks need {TEMPORARY_GIB} GiB there: free some, or set TMPDIR"
        return failed(f"{tempfile.gettempdir()}: {temporary:.1f} GiB free", advice)
    return ok(found)


def check_datasets() -> Finding:
    """Which data sets' folders are in ``$FASTREID_DATASETS``."""
    root = Path(dataset_root())
    if not root.is_dir():
        if "FASTREID_DATASETS" in os.environ:
            advice = "set FASTREID_DATASETS to the folder that holds the data sets' folders, or make it"
            return failed(f"FASTREID_DATASETS is {root}: no such folder", advice)
        return not_here("FASTREID_DATASETS is not set, and there is no datasets/ here")
    folders = {str(getattr(one, "dataset_dir", "")) for one in DATASET_REGISTRY._obj_map.values()} - {""}
    folders |= {f"MSMT17_{version}" for version in VERSIONS}
    there = [name for name in sorted(folders) if (root / name).is_dir()]
    there += [path.name for path in sorted(root.glob("SynthPersons-v*"))]
    return ok(f"{root.absolute()}: {', '.join(there) or 'none of the known sets yet'}", folders=there)
