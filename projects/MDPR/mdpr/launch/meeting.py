"""Where the processes of a run meet, and whether the machines agree on who comes."""

from datetime import timedelta
from urllib.parse import urlsplit

import torch.distributed as dist

from mdpr.errors import ConfigError
from mdpr.launch.process_group import MEETING_TIMEOUT
from mdpr.launch.world import ParentWorld


def meet(world: ParentWorld) -> dist.TCPStore:
    """Open the store where processes meet, on machine 0, or come to it; returns once all machines have.

    torch's static rendezvous finds it open and uses it too. A free port is found and taken in one step,
    so that no other program can come in between.

    Returns:
        The store, to be kept until the run is over. Processes meet at its ``host`` and ``port``.

    Raises:
        ConfigError: the port is in use, HOST is not this machine, not all machines came, or they
            disagree on who is who.
    """
    parts = urlsplit(world.url or "tcp://127.0.0.1:0")
    port, first = int(parts.port or 0), world.machine_rank == 0
    try:
        store = dist.TCPStore(
            str(parts.hostname),
            port,
            is_master=first,
            timeout=timedelta(seconds=30) if first else MEETING_TIMEOUT,
            wait_for_workers=False,
            multi_tenant=True,
        )
        if world.machines > 1:
            _agree(store, world)
    except (dist.DistNetworkError, dist.DistStoreError) as error:
        raise ConfigError(_why_not(error, world, port)) from error
    return store


def _agree(store: dist.TCPStore, world: ParentWorld) -> None:
    """Wait for all machines, each of which says who it is."""
    size = store.compare_set("processes", "", str(world.size)).decode()
    if int(size) != world.size:
        raise ConfigError(
            f"this machine was started for a run of {world.size} processes, another one for {size}: "
            "give --num-gpus and --num-machines alike on all machines"
        )
    if store.add(f"machine {world.machine_rank}", 1) > 1:
        raise ConfigError(
            f"two machines have rank {world.machine_rank}: give every machine its own --machine-rank"
        )
    store.wait([f"machine {rank}" for rank in range(world.machines)], MEETING_TIMEOUT)


def _why_not(error: Exception, world: ParentWorld, port: int) -> str:
    reason = str(error).partition("\n")[0]
    if "EADDRINUSE" in reason:
        return (
            f"--dist-url is {world.url}: port {port} is in use on this machine, perhaps by another run. "
            "Choose another port; on a single machine leave --dist-url out, and a free one is found"
        )
    if world.machine_rank == 0 and isinstance(error, dist.DistNetworkError):
        return (
            f"--dist-url is {world.url}: machine 0 cannot be reached there. Expected the address of the "
            f"machine with --machine-rank 0 ({reason})"
        )
    return (
        f"not all {world.machines} machines came to {world.url} within {MEETING_TIMEOUT}: start the run on "
        "every machine, and check --num-machines, --machine-rank and --dist-url (the address of machine "
        "0, open to the others)"
    )
