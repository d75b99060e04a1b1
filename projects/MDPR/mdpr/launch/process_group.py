"""A process takes its place in the run: ``torch.distributed``, fast-reid's ``comm``, threads, GPU."""

import functools
import os
from collections import defaultdict
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from fastreid.utils import comm

from mdpr.host import allowed_cores, share_cores, usable_cores

# How long a process waits in a collective operation. While the first process ranks a large test set
# the others wait. That a process died is not learnt from this, but by torch's agent.
COLLECTIVE_TIMEOUT = timedelta(hours=1)
# How long the processes wait for one another at the start: machines may be started by hand.
MEETING_TIMEOUT = timedelta(minutes=10)


def join(device: str) -> None:
    """Make this process part of the run that torch's agent has started; returns once all have come.

    A run of one process needs none of it.

    Args:
        device: "cpu" (gloo) or "cuda" (NCCL, one GPU per process).
    """
    if os.environ["WORLD_SIZE"] == "1":
        return
    local_rank = int(os.environ["LOCAL_RANK"])
    if device == "cuda":
        torch.cuda.set_device(local_rank % torch.cuda.device_count())
    backend = "nccl" if device == "cuda" else "gloo"
    # Processes that were restarted meet in the same store, where the addresses of those before them are.
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    store, rank, size = next(dist.rendezvous("env://", timeout=MEETING_TIMEOUT))
    dist.init_process_group(
        backend,
        store=dist.PrefixStore(f"attempt {attempt}", store),
        rank=rank,
        world_size=size,
        timeout=COLLECTIVE_TIMEOUT,
    )
    comm._LOCAL_PROCESS_GROUP = _find_neighbours(rank - local_rank)
    comm._get_global_gloo_group = functools.cache(_gloo_group)
    if device == "cpu" and "OMP_NUM_THREADS" not in os.environ:  # else the user has decided
        torch.set_num_threads(usable_cores())


def leave() -> None:
    """End this process's part in the run."""
    if not dist.is_initialized():
        return
    comm._LOCAL_PROCESS_GROUP = None
    share_cores(1)
    comm._get_global_gloo_group.cache_clear()
    dist.destroy_process_group()


def _find_neighbours(first_rank: int) -> Any:
    """The group of the processes of this machine, each of which tells the rank of its machine's first one.

    Those that are kept on cores of their own, by a scheduler for instance, do not share them with the others.
    """
    own = allowed_cores()
    places: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(places, (first_rank, own))
    share_cores(sum(first == first_rank and not own.isdisjoint(cores) for first, cores in places))
    machines = defaultdict(list)
    for rank, (first, _) in enumerate(places):
        machines[first].append(rank)
    return dist.new_subgroups_by_enumeration(list(machines.values()))[0]


def _gloo_group() -> Any:
    """All processes, as fast-reid's, which gives up after half an hour, while the first one may rank."""
    if dist.get_backend() == "gloo":
        return dist.group.WORLD
    return dist.new_group(backend="gloo", timeout=COLLECTIVE_TIMEOUT)
