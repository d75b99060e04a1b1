"""From the command line to ``main`` in every process, with a restarted group going on where it was."""

import argparse
import os
from collections.abc import Callable
from typing import Any

from fastreid.config import CfgNode
from fastreid.engine import default_argument_parser
from fastreid.utils import comm
from torch.distributed.elastic.multiprocessing.errors import record

from mdpr.data.batch_sizes import check_batch_sizes
from mdpr.launch.agent import run_processes
from mdpr.launch.error_files import cause_of_restart
from mdpr.launch.process_group import join, leave
from mdpr.launch.world import RankWorld, World, world_of

Main = Callable[[argparse.Namespace, CfgNode, list[str]], Any]


def argument_parser() -> argparse.ArgumentParser:
    """fast-reid's parser; what says which processes to start is None where it was not given."""
    parser = default_argument_parser()
    parser.set_defaults(num_gpus=None, num_machines=None, machine_rank=None, dist_url=None)
    parser.add_argument(
        "--max-restarts", type=int, help="how often to restart the processes if one fails (0)"
    )
    return parser


def launch(main: Main, args: argparse.Namespace, cfg: CfgNode, notes: list[str]) -> None:
    """Run ``main(args, cfg, notes)`` in every process of the run.

    With CUDA each process has a GPU and they speak NCCL, as in fast-reid; with ``MODEL.DEVICE cpu``,
    and where there is no GPU, ``--num-gpus`` counts processes on CPU cores that speak gloo.

    Args:
        main: a function at the top of a module. After a restart its ``args.resume`` is true.
        args: what `argument_parser` parsed.
        cfg: the frozen config; processes get a copy of it.
        notes: lines for the log.

    Raises:
        MDPRError: something the user can mend, here or in a process.
        ProcessFailedError: a process failed otherwise.
        SystemExit: a signal ended the run.
    """
    world = world_of(args, cfg.MODEL.DEVICE, os.environ)
    if not args.eval_only:
        check_batch_sizes(cfg, world.size)
    run_world(world, _run_or_go_on, (main, args, cfg, notes))


def run_world(
    world: World,
    function: Callable[..., Any],
    args: tuple[Any, ...] = (),
    start_method: str = "spawn",
) -> None:
    """Run ``function(*args)`` in every process of a world.

    Args:
        world: the processes.
        function: a function at the top of a module.
        args: its arguments, which can be pickled.
        start_method: of `multiprocessing`. "fork" is quicker, and not for processes that use a GPU or
            have used threads.

    Raises:
        MDPRError, ProcessFailedError, SystemExit: as `launch`.
    """
    if isinstance(world, RankWorld):
        join(world.device)
        record(function)(*args)  # so that torchrun's summary names the first failure
        leave()
    elif world.size == 1 and not world.max_restarts:
        function(*args)
    else:
        run_processes(world, function, args, start_method)


def _run_or_go_on(main: Main, args: argparse.Namespace, cfg: CfgNode, notes: list[str]) -> None:
    """Run ``main``; where the processes were restarted, from their last checkpoint on."""
    # Agreed upon, as torchrun counts on each machine for itself.
    restarts = max(comm.all_gather(int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))))
    if restarts:
        args.resume = True
        notes = [*notes, f"Restart {restarts} of the processes: {cause_of_restart()}"]
    main(args, cfg, notes)
