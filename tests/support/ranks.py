"""What processes do in tests of runs of several processes."""

import os
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import mdpr  # noqa: F401 -- before fastreid, which it mends in this process too

# isort: split
import torch
import torch.distributed as dist
from fastreid.layers import get_norm
from fastreid.modeling.meta_arch import build_model
from fastreid.utils import comm
from fastreid.utils.events import EventStorage
from mdpr.engine.data_parallel import broadcast_buffers, distribute
from mdpr.launch.error_files import own_folder
from mdpr.launch.process_group import join

from support.configs import tiny_config

SYNCHRONISED = ("MODEL.BACKBONE.NORM", "syncBN", "MODEL.HEADS.NORM", "syncBN")


def join_when_all_are_there(device):
    """Join a run whose processes are forked, once all of them are.

    The thread of the parent's store looks up who speaks to it; a process that is forked at that moment would
    find the lock of the look-up taken for ever.
    """
    attempt = own_folder().parent
    while len(list(attempt.rglob("*.running"))) < int(os.environ["LOCAL_WORLD_SIZE"]):
        time.sleep(0.005)
    join(device)


def speak(folder: Path) -> None:
    """Everything of fast-reid's ``comm``, on CPU tensors; each process leaves what it heard."""
    rank = comm.get_rank()
    heard = {
        "place": (rank, comm.get_world_size(), comm.get_local_rank(), comm.get_local_size()),
        "all_gather": comm.all_gather({"rank": rank, "text": "x" * rank}),
        "gather": comm.gather([rank] * rank),
        "seed": comm.shared_random_seed(),
        "mean": comm.reduce_dict({"b": torch.tensor(2.0), "a": torch.tensor(float(rank))}),
        "sum": comm.reduce_dict({"a": torch.tensor(float(rank))}, average=False),
        "threads": torch.get_num_threads(),
        "group": os.getpgid(0) == os.getpid(),
    }
    comm.synchronize()
    torch.save(heard, folder / f"heard_by_{rank}.pt")


def fail(rank: int, at: float) -> None:
    """One process raises after a while; the others wait for it."""
    if comm.get_rank() == rank:
        time.sleep(at)
        raise ValueError(f"the error of rank {rank}")
    comm.synchronize()


def count_starts(folder: Path, function: Callable[..., None], *args: object) -> None:
    """Leave a file that says which start of the processes this is, then call ``function(*args)``."""
    (folder / f"{comm.get_rank()}_{os.environ['TORCHELASTIC_RESTART_COUNT']}").touch()
    comm.synchronize()
    function(*args)


def fail_until(start: int) -> None:
    """One process raises, until the processes were restarted so often; the others wait for it."""
    now = int(os.environ["TORCHELASTIC_RESTART_COUNT"])
    if now < start and comm.get_rank() == 1:
        raise ValueError(f"failed at start {now}")
    comm.synchronize()


def die(rank: int, signum: int) -> None:
    if comm.get_rank() == rank:
        os.kill(os.getpid(), signum)
    comm.synchronize()


def say_exit(rank: int, code: object) -> None:
    if comm.get_rank() == rank:
        sys.exit(code)
    comm.synchronize()


def signal_parent(*signums: int) -> None:
    """The first process sends signals to the parent; nobody catches what comes back."""
    comm.synchronize()
    if comm.get_rank() == 0:
        for signum in signums:
            os.kill(os.getppid(), signum)
            time.sleep(0.3)
    time.sleep(60)


def finish_when_asked(folder: Path, code: int) -> None:
    """Catch SIGTERM, write a file after a while, and end in order, one process after the other."""
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda signum, _: asked.append(signum))
    comm.synchronize()
    if comm.get_rank() == 0:
        os.kill(os.getppid(), signal.SIGTERM)
    while not asked:
        time.sleep(0.01)
    time.sleep(0.5 * (1 + comm.get_rank()))
    (folder / f"saved_by_{comm.get_rank()}").write_text(str(asked))
    sys.exit(code)


def ignore_everything(signums: tuple[int, ...]) -> None:
    """Catch SIGTERM and go on; the first process sends it to the parent twice."""
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal_parent(*signums)


def sleep_with_loader(folder: Path) -> None:
    """Start a process as data loaders do, leave both ids, and wait."""
    child = get_context("fork").Process(target=time.sleep, args=(120,))
    child.start()
    path = folder / f"pids_{comm.get_rank()}"
    path.with_suffix(".tmp").write_text(f"{os.getpid()} {child.pid}")
    path.with_suffix(".tmp").rename(path)
    time.sleep(120)


def batch_of(data: dict[str, torch.Tensor], ranks: int, rank: int) -> dict[str, torch.Tensor]:
    """The contiguous piece of a batch that a process trains on."""
    return {key: values.chunk(ranks)[rank] for key, values in data.items()}


def normalize(folder: Path) -> None:
    """Each case file has pieces of a batch, by process, and gradients of the outputs."""
    rank = comm.get_rank()
    for file in sorted(folder.glob("norm_*.pt")):
        case = torch.load(file)
        norm = get_norm("syncBN", case["channels"]).train()
        norm.load_state_dict(case["norm"])
        piece = case["pieces"][rank].requires_grad_()
        output = norm(piece)
        output.backward(case["gradients"][rank])
        gradients = torch.stack([norm.weight.grad, norm.bias.grad])
        dist.all_reduce(gradients)
        found = (output.detach(), piece.grad, gradients, norm.state_dict())
        torch.save(found, folder / f"{file.stem}_by_{rank}.out")


def train_step(folder: Path) -> None:
    """Forward and backward of the whole network on this process's half of a batch."""
    rank, data = comm.get_rank(), torch.load(folder / "batch.pt")
    own = batch_of(data, comm.get_world_size(), rank)
    for name, options in (("plain", ()), ("synchronised", SYNCHRONISED)):
        model = build_model(tiny_config(*options))
        model.load_state_dict(torch.load(folder / "model.pt"))
        if name == "plain":
            model.double()  # in float32 a ReLU near 0 opens or closes with the number of threads
        model = distribute(model.train())
        with EventStorage():
            sum(model(own).values()).backward()
        module = model.module
        gradients = {n: p.grad for n, p in module.named_parameters() if p.requires_grad}
        buffers = {n: b.clone() for n, b in module.named_buffers()}
        broadcast_buffers(module)
        torch.save(
            {"gradients": gradients, "buffers": buffers, "shared": dict(module.named_buffers())},
            folder / f"{name}_by_{rank}.out",
        )


def compute(folder: Path) -> None:
    """All that computes, in one start of the processes."""
    normalize(folder)
    train_step(folder)
    speak(folder)
