"""Which processes make up a run: from the command line, or from torchrun's environment."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import torch
from fastreid.engine import default_argument_parser

from mdpr.errors import ConfigError

TORCHRUN_VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True)
class ParentWorld:
    """This process starts the others of this machine; with a single one it is the run itself.

    Attributes:
        device: "cpu" or "cuda".
        local_size: processes on each machine, >= 1.
        machines: machines, >= 1.
        machine_rank: this machine, in 0..machines - 1.
        url: where the processes meet, ``tcp://HOST:PORT``; None lets this machine choose a free port,
            for one machine only.
        max_restarts: how often the processes are started anew where one fails.
    """

    device: str
    local_size: int = 1
    machines: int = 1
    machine_rank: int = 0
    url: str | None = None
    max_restarts: int = 0

    @property
    def size(self) -> int:
        """Processes of the whole run."""
        return self.local_size * self.machines


@dataclass(frozen=True)
class RankWorld:
    """This process is one of a run that torchrun has started."""

    device: str  # "cpu" or "cuda"
    rank: int  # of this process, in 0..size - 1
    local_rank: int  # of this process among those of its machine
    size: int  # processes of the whole run


World = ParentWorld | RankWorld


def world_of(args: argparse.Namespace, device: str, environment: Mapping[str, str]) -> World:
    """The processes that a command line asks for, or those that torchrun has started.

    Args:
        args: ``num_gpus``, ``num_machines``, ``machine_rank``, ``dist_url`` and ``max_restarts``, each
            None where not given.
        device: ``MODEL.DEVICE`` as this machine can have it.
        environment: ``os.environ``.

    Raises:
        ConfigError: a number out of range, more processes than GPUs, a URL nobody can meet at, or
            options that contradict torchrun.
    """
    if "RANK" in environment and "WORLD_SIZE" in environment:
        world: World = _from_torchrun(args, device, environment)
    else:
        world = _from_arguments(args, device)
    if world.size > 1:
        _check_device(world, device, environment)
    return world


def _from_arguments(args: argparse.Namespace, device: str) -> ParentWorld:
    local_size = 1 if args.num_gpus is None else args.num_gpus
    machines = 1 if args.num_machines is None else args.num_machines
    machine_rank, restarts = args.machine_rank or 0, args.max_restarts or 0
    for option, value in (("--num-gpus", local_size), ("--num-machines", machines)):
        if value < 1:
            raise ConfigError(f"{option} is {value}: expected 1 or more processes or machines")
    if restarts < 0:
        raise ConfigError(f"--max-restarts is {restarts}: expected 0 or more")
    if not 0 <= machine_rank < machines:
        raise ConfigError(
            f"--machine-rank is {machine_rank}: expected 0 to {machines - 1}, for --num-machines {machines}"
        )
    url = _checked_url(args.dist_url, machines)
    if machines > 1 and url is None:
        if args.dist_url == "auto":
            raise ConfigError(
                f"--dist-url is 'auto' with --num-machines {machines}: expected "
                "tcp://ADDRESS:PORT, the same on every machine, ADDRESS being that of machine 0"
            )
        url = _fastreids_url()
    return ParentWorld(_kind(device), local_size, machines, machine_rank, url, restarts)


def _from_torchrun(args: argparse.Namespace, device: str, environment: Mapping[str, str]) -> RankWorld:
    missing = [name for name in TORCHRUN_VARIABLES if name not in environment]
    if missing:
        raise ConfigError(
            f"RANK and WORLD_SIZE are set, as by torchrun, but not {', '.join(missing)}: set "
            "these as well, or unset RANK and WORLD_SIZE"
        )
    size, local_rank = int(environment["WORLD_SIZE"]), int(environment["LOCAL_RANK"])
    local_size = int(environment.get("LOCAL_WORLD_SIZE", size))
    address = f"tcp://{environment['MASTER_ADDR']}:{environment['MASTER_PORT']}"
    rank = int(environment["RANK"])
    for option, given, actual in (
        ("--num-gpus", args.num_gpus, local_size),
        ("--num-machines", args.num_machines, size // local_size),
        ("--machine-rank", args.machine_rank, rank // local_size),
        ("--dist-url", args.dist_url, address),
        ("--max-restarts", args.max_restarts, int(environment.get("TORCHELASTIC_MAX_RESTARTS", 0))),
    ):
        if given is not None and given != actual:
            raise ConfigError(
                f"{option} is {given}, but torchrun started this run with {actual}: leave "
                f"{option} out, torchrun decides it"
            )
    return RankWorld(_kind(device), rank, local_rank, size)


def _check_device(world: World, device: str, environment: Mapping[str, str]) -> None:
    if world.device == "cpu":
        return
    if device != "cuda":
        raise ConfigError(
            f"MODEL.DEVICE is {device!r}: expected 'cuda' for {world.size} processes, each of which "
            "takes a GPU of its own"
        )
    wanted = world.local_size if isinstance(world, ParentWorld) else world.local_rank + 1
    found = torch.cuda.device_count()
    if isinstance(world, RankWorld) and found == 1 and "CUDA_VISIBLE_DEVICES" in environment:
        return  # a scheduler shows each process its own
    if wanted > found:
        raise ConfigError(
            f"{wanted} processes on this machine (--num-gpus, or torchrun's --nproc-per-node): it "
            f"has {found} GPUs, and each process takes one. MODEL.DEVICE cpu runs any number without"
        )


def _checked_url(url: str | None, machines: int) -> str | None:
    """The URL to meet at, or None where the choice is ours."""
    if url in (None, "", "auto", _fastreids_url()):
        return None
    parts = urlsplit(url)
    if parts.scheme == "file" and machines == 1:  # of fast-reid's users, for want of a free port
        return None
    try:
        complete = parts.scheme == "tcp" and bool(parts.hostname and parts.port)
    except ValueError:  # a port out of range
        complete = False
    if not complete:
        raise ConfigError(f"--dist-url is {url!r}: expected tcp://ADDRESS:PORT, such as tcp://10.0.0.1:29500")
    return url


def _fastreids_url() -> str:
    """The default of fast-reid's parser: one port per user of a machine."""
    return default_argument_parser().get_default("dist_url")


def _kind(device: str) -> str:
    return device.partition(":")[0]
