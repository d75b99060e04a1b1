"""Checks of what is installed. Those of `check_python` and `check_packages` need nothing but Python."""

import importlib
import importlib.util
import platform
import sys

from mdpr_doctor.facts import PACKAGES, installed_version
from mdpr_doctor.finding import Finding, failed, ok

OLDEST_PYTHON = (3, 10)
OLDEST_TORCH = (2, 5)
FASTREID = "1.4.0"
INSTALL_FASTREID = f"pip install --no-deps fastreid=={FASTREID}"

MENDS: dict[str, str] = {
    "fastreid.data.build:DataLoaderX": "loader",
    "fastreid.data.transforms.transforms:to_tensor": "images to tensors",
    "fastreid.utils.comm:_serialize_to_tensor": "gathering of objects",
    "fastreid.engine.defaults:build_optimizer": "optimizer",
    "fastreid.engine.defaults:Checkpointer": "checkpointer",
    "fastreid.engine.defaults:ReidEvaluator": "evaluator",
    "fastreid.engine.defaults:AMPTrainer": "mixed precision",
    "fastreid.engine.defaults:build_reid_train_loader": "training loader",
    "fastreid.engine.defaults:build_reid_test_loader": "test loader",
    "fastreid.evaluation.rank:eval_cuhk03": "CUHK03 protocol",
    "fastreid.layers.batch_norm:SyncBatchNorm": "synchronised norms",
}
"""Names of fast-reid 1.4.0 under which a part of ours has to be found."""


def check_python() -> Finding:
    """Whether Python is new enough."""
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info[:2] < OLDEST_PYTHON:
        return failed(found, "install Python 3.10 or newer")
    return ok(found)


def check_packages() -> Finding:
    """Whether everything that is imported is there, however it came there."""
    missing = [name for module, name in PACKAGES.items() if importlib.util.find_spec(module) is None]
    if not missing:
        return ok(f"all {len(PACKAGES)} are there")
    others = [name for name in missing if name != "fastreid"]
    commands = [f"pip install {' '.join(others)}"] if others else []
    commands += [INSTALL_FASTREID] if "fastreid" in missing else []  # its own pins forbid today's PyTorch
    return failed(f"missing: {', '.join(missing)}", ", then ".join(commands), missing=missing)


def check_torch() -> Finding:
    """PyTorch and torchvision: new enough, and made for each other."""
    import torch  # noqa: PLC0415

    found = f"torch {torch.__version__} (CUDA {torch.version.cuda or 'none'})"
    if tuple(map(int, torch.__version__.split(".")[:2])) < OLDEST_TORCH:
        return failed(found, "install torch 2.5 or newer, with the torchvision of the same release")
    try:
        import torchvision  # noqa: PLC0415

        boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 2.0, 2.0]])
        torchvision.ops.nms(boxes, torch.tensor([0.5, 1.0]), 0.5)  # compiled: of this torch, or not at all
    except (ImportError, RuntimeError, AttributeError) as error:
        reason = str(error).partition("\n")[0]
        return failed(f"{found}; torchvision: {reason}", "install the torchvision of this torch's release")
    return ok(f"{found}, torchvision {torchvision.__version__}")


def check_fastreid() -> Finding:
    """fast-reid in the version that is mended, and the mends in place."""
    import mdpr  # noqa: F401, PLC0415 - puts them in place

    version = installed_version("fastreid")
    if version not in (None, FASTREID):
        return failed(f"{version}", f"{INSTALL_FASTREID} (what is mended is mended for that)")
    lacking = [what for place, what in MENDS.items() if not _is_ours(place)]
    found = f"{version or 'of unknown version'}, {len(MENDS) - len(lacking)} of {len(MENDS)} mends in place"
    if lacking:
        return failed(f"{found}; not: {', '.join(lacking)}", "import mdpr before anything of fastreid")
    return ok(found)


def _is_ours(place: str) -> bool:
    module, _, name = place.partition(":")
    part = getattr(importlib.import_module(module), name)
    return str(part.__module__).startswith("mdpr.")


def check_faiss() -> Finding:
    """faiss: whether it finds neighbours, and whether it can do so on GPUs."""
    import faiss  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    points = np.random.default_rng(0).standard_normal((200, 16)).astype(np.float32)
    _, found = faiss.knn(points[:20], points, 1)
    if found[:, 0].tolist() != list(range(20)):
        return failed("a point is not its own nearest neighbour", "install faiss again")
    has_gpu_code = hasattr(faiss, "StandardGpuResources")
    code = f"with GPU code, sees {faiss.get_num_gpus()} GPUs" if has_gpu_code else "without GPU code"
    return ok(f"{faiss.__version__}, {code}", gpu_code=has_gpu_code)
