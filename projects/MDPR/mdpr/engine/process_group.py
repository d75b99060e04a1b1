"""A process takes its place in the run: ``torch.distributed``, fast-reid's ``comm``, threads, GPU."""

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import torch
import torch.distributed as dist
from fastreid.utils import comm

from mdpr.errors import ConfigError
from mdpr.host import usable_cores

__all__ = ["Seat", "join", "leave", "listen"]

# How long a process waits in a collective operation. While the first process ranks a large test set
# the others wait. That a process died is not learnt from this: see `mdpr.engine.supervisor`.
COLLECTIVE_TIMEOUT = timedelta(hours=1)
# How long the processes wait for one another at the start: machines may be started by hand.
MEETING_TIMEOUT = timedelta(minutes=10)


@dataclass(frozen=True)
class Seat:
    """The place of one process in a run.

    Attributes:
        rank: in 0..world_size - 1.
        local_rank: among the processes of its machine.
        world_size: processes of the whole run.
        local_size: processes of its machine.
        device: "cpu" (gloo) or "cuda" (NCCL, one GPU per process).
        url: ``tcp://HOST:PORT`` of a store that `listen` has opened, or another ``init_method`` of
            ``torch.distributed``.
    """

    rank: int
    local_rank: int
    world_size: int
    local_size: int
    device: str
    url: str


def listen(url: str | None) -> tuple[dist.TCPStore | None, str]:
    """Open the store where processes meet, in the process that starts them on the first machine.

    Args:
        url: ``tcp://HOST:PORT``; None for a free port of this machine, found and taken in one step,
            so that no other program can come in between.

    Returns:
        The store, to be kept until the run is over, and its URL. Other kinds of URL need no store.

    Raises:
        ConfigError: the port is in use, or HOST is not this machine.
    """
    host, port = ("127.0.0.1", 0)
    if url is not None:
        parts = urlsplit(url)
        if parts.scheme != "tcp":
            return None, url
        host, port = str(parts.hostname), int(parts.port or 0)
    try:
        store = dist.TCPStore(
            host, port, is_master=True, timeout=timedelta(seconds=30), wait_for_workers=False
        )
    except dist.DistNetworkError as error:
        reason = str(error).partition("\n")[0]
        if "EADDRINUSE" in reason:
            raise ConfigError(
                f"--dist-url is {url}: port {port} is in use on this machine, perhaps by another "
                "run. Choose another port; on a single machine leave --dist-url out, and a free "
                "one is found"
            ) from error
        raise ConfigError(
            f"--dist-url is {url}: machine 0 cannot be reached there. Expected the address of the "
            f"machine with --machine-rank 0 ({reason})"
        ) from error
    shown = f"[{host}]" if ":" in host else host
    return store, f"tcp://{shown}:{store.port}"


def join(seat: Seat) -> None:
    """Make this process part of the run; returns once all have come.

    Raises:
        ConfigError: not all processes came, or they disagree on who is who.
    """
    if seat.device == "cuda":
        torch.cuda.set_device(seat.local_rank)
    else:
        _share_cores(seat.local_size)
    backend = "nccl" if seat.device == "cuda" else "gloo"
    if seat.url.startswith("tcp://"):
        dist.init_process_group(
            backend,
            store=_meet(seat),
            rank=seat.rank,
            world_size=seat.world_size,
            timeout=COLLECTIVE_TIMEOUT,
        )
    else:
        dist.init_process_group(
            backend,
            init_method=seat.url,
            rank=seat.rank,
            world_size=seat.world_size,
            timeout=COLLECTIVE_TIMEOUT,
        )
    comm._LOCAL_PROCESS_GROUP = _local_group(seat)


def leave() -> None:
    """End this process's part in the run."""
    comm._LOCAL_PROCESS_GROUP = None
    comm._get_global_gloo_group.cache_clear()
    dist.destroy_process_group()


def _meet(seat: Seat) -> dist.Store:
    parts = urlsplit(seat.url)
    try:
        store = dist.TCPStore(
            str(parts.hostname), int(parts.port or 0), is_master=False, timeout=MEETING_TIMEOUT
        )
        size = store.compare_set("size", "", str(seat.world_size)).decode()
        if int(size) != seat.world_size:
            raise ConfigError(
                f"this machine was started for a run of {seat.world_size} processes, another one for "
                f"{size}: give --num-gpus and --num-machines alike on all machines"
            )
        if store.add(f"rank {seat.rank}", 1) > 1:
            raise ConfigError(
                f"two processes have rank {seat.rank}: give every machine its own --machine-rank"
            )
        store.wait([f"rank {rank}" for rank in range(seat.world_size)], MEETING_TIMEOUT)
    except (dist.DistNetworkError, dist.DistStoreError) as error:
        raise ConfigError(
            f"not all {seat.world_size} processes came to {seat.url} within {MEETING_TIMEOUT}: start "
            "the run on every machine, and check --num-machines, --machine-rank and --dist-url "
            "(the address of machine 0, open to the others)"
        ) from error
    return dist.PrefixStore("run", store)


def _local_group(seat: Seat) -> dist.ProcessGroup:
    """The processes of this machine. Each tells the rank of its machine's first one."""
    first = torch.tensor([seat.rank - seat.local_rank], device=seat.device)
    firsts = [torch.empty_like(first) for _ in range(seat.world_size)]
    dist.all_gather(firsts, first)
    machine_of_rank = [int(each) for each in firsts]
    own: Any = None
    for machine in sorted(set(machine_of_rank)):  # every process makes all groups, in this order
        ranks = [rank for rank, at in enumerate(machine_of_rank) if at == machine]
        group = dist.new_group(ranks)
        if seat.rank in ranks:
            own = group
    return own


def _share_cores(processes: int) -> None:
    """Give each of the processes of this machine its part of the cores."""
    if "OMP_NUM_THREADS" in os.environ:  # the user has decided
        return
    torch.set_num_threads(usable_cores(processes))
