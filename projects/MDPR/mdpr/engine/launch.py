"""Start a run in as many processes as the command line or torchrun asks for, on GPUs or CPUs."""

import argparse
import os
import sys
from collections.abc import Callable
from typing import Any

import torch.distributed as dist
from fastreid.engine import default_argument_parser
from torch.distributed.elastic.multiprocessing.errors import record

from mdpr.data.batch_sizes import check_batch_sizes
from mdpr.engine.process_group import Seat, join, leave, listen
from mdpr.engine.setup import make_config
from mdpr.engine.supervisor import Supervisor
from mdpr.engine.world import ParentWorld, RankWorld, World, world_of

__all__ = ["argument_parser", "launch", "run_world"]


def argument_parser() -> argparse.ArgumentParser:
    """fast-reid's parser; what says which processes to start is None where it was not given."""
    parser = default_argument_parser()
    parser.set_defaults(num_gpus=None, num_machines=None, machine_rank=None, dist_url=None)
    return parser


def launch(main: Callable[[argparse.Namespace], Any], args: argparse.Namespace) -> None:
    """Check the config and run ``main(args)`` in every process of the run.

    With CUDA each process has a GPU and they speak NCCL, as in fast-reid; with ``MODEL.DEVICE cpu``,
    and where there is no GPU, ``--num-gpus`` counts processes on CPU cores that speak gloo.

    Args:
        main: a function at the top of a module.
        args: what `argument_parser` parsed.

    Raises:
        MDPRError: something the user can mend, here or in a process.
        ProcessFailedError: a process failed otherwise.
        SystemExit: a signal ended the run.
    """
    cfg, _ = make_config(args.config_file, args.opts)
    world = world_of(args, cfg.MODEL.DEVICE, os.environ)
    if not args.eval_only:
        check_batch_sizes(cfg, world.size)
    run_world(world, main, (args,))


def run_world(
    world: World,
    function: Callable[..., Any],
    args: tuple[Any, ...] = (),
    start_method: str = "spawn",
) -> None:
    """Run ``function(*args)`` in every process of a world; see `launch`.

    Args:
        world: the processes.
        function: a function at the top of a module.
        args: its arguments, which can be pickled.
        start_method: see `Supervisor`.

    Raises:
        MDPRError: something the user can mend.
        ProcessFailedError: a process failed otherwise.
        SystemExit: a signal ended the run.
    """
    if world.size == 1:
        function(*args)
    elif isinstance(world, RankWorld):
        _run_as_rank(world, function, args)
    else:
        store, url = _meeting_place(world)
        code = Supervisor(start_method).run(_seats(world, url), function, args)
        del store  # processes meet there, and NCCL looks there, as long as they live
        if code:
            sys.exit(code)


def _run_as_rank(world: RankWorld, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    local_size = int(os.environ.get("LOCAL_WORLD_SIZE", world.size))
    seat = Seat(world.rank, world.local_rank, world.size, local_size, world.device, "env://")
    join(seat)
    record(function)(*args)  # so that torchrun's summary names the first failure
    leave()


def _meeting_place(world: ParentWorld) -> tuple[dist.TCPStore | None, str]:
    if world.machine_rank == 0:
        return listen(world.url)
    return None, str(world.url)


def _seats(world: ParentWorld, url: str) -> list[Seat]:
    return [
        Seat(
            world.first_rank + local_rank,
            local_rank,
            world.size,
            world.local_size,
            world.device,
            url,
        )
        for local_rank in range(world.local_size)
    ]
