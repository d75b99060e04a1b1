"""What some checks do in a process of their own: ``python -m mdpr_doctor.child NAME ARGUMENTS``."""

import os
import sys
from collections.abc import Callable

import mdpr.host  # noqa: F401 - before fast-reid, which it mends
import torch
import torch.distributed as dist
from fastreid.utils.events import EventStorage
from mdpr.cli.train import main as train
from mdpr.compat.data_loading import DeviceLoader
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import Dataset

from mdpr_doctor.configs import MINIATURE
from mdpr_doctor.networks import make_network, random_batch

MESSAGE = "image 5 cannot be read"


class _Broken(Dataset[dict[str, Tensor]]):
    """Images, one of which cannot be read."""

    def __len__(self) -> int:
        return 100

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        if index == 5:
            raise OSError(MESSAGE)
        return {"images": torch.zeros(3, 64, 32)}


def raising_loader(device: str) -> None:
    """Load until a loader process raises.

    Raises:
        OSError: what it raised.
    """
    loader = DeviceLoader(0, device=torch.device(device), dataset=_Broken(), batch_size=2, num_workers=2)
    for batch in loader:
        batch["images"].sum().item()


def group_of_one(device: str) -> None:
    """A backward pass in a process group of one process: NCCL on a GPU, gloo on a CPU.

    Raises:
        RuntimeError: the group computes something else than the process alone.
    """
    batch = random_batch(device, 8, (64, 32), identities=4)
    gradients = []
    dist.init_process_group(
        "nccl" if torch.device(device).type == "cuda" else "gloo",
        store=dist.HashStore(),
        rank=0,
        world_size=1,
    )
    for distributed in (False, True):
        network = make_network(device, MINIATURE, {"MODEL.HEADS.NUM_CLASSES": 4}).train()
        with EventStorage():
            losses = (DistributedDataParallel(network) if distributed else network)(batch)
            sum(losses.values()).backward()
        parts = [weight.grad.flatten() for weight in network.parameters() if weight.grad is not None]
        gradients.append(torch.cat(parts))
    dist.destroy_process_group()
    difference = (gradients[0] - gradients[1]).norm() / gradients[0].norm()
    if not difference < 1e-2:
        raise RuntimeError(f"gradients of a process group differ from those without by {difference:.1e}")


def deterministic_run(*arguments: str) -> None:
    """``mdpr train ARGUMENTS`` with sums in a fixed order, wherever the GPU has such.

    Raises:
        SystemExit: always, with the exit code.
    """
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # read by cuBLAS when it starts
    torch.use_deterministic_algorithms(True, warn_only=True)
    raise SystemExit(train(arguments))


if __name__ == "__main__":
    functions: dict[str, Callable[..., None]] = {
        "raising-loader": raising_loader,
        "group-of-one": group_of_one,
        "deterministic-run": deterministic_run,
    }
    functions[sys.argv[1]](*sys.argv[2:])
