"""What each process does in the test of training steps with several processes."""

from pathlib import Path

import mdpr  # noqa: F401 -- before fastreid, which it mends in this process too

# isort: split
import torch
import torch.distributed as dist
from fastreid.utils.events import EventStorage
from mdpr.engine.steps import NonFiniteGuard
from mdpr.errors import NonFiniteError
from support.toys import batch, run, state, step_of, toy
from torch.nn.parallel import DistributedDataParallel

PROCESSES = 2


def distributed_toy():
    return DistributedDataParallel(toy(), broadcast_buffers=False)


def count_exchanges(model):
    """A list that grows with every exchange of gradients."""
    exchanges = []

    def exchange(_, bucket):
        exchanges.append(bucket.index())
        gradients = bucket.buffer() / PROCESSES
        return dist.all_reduce(gradients, async_op=True).get_future().then(lambda f: f.value()[0])

    model.register_comm_hook(None, exchange)
    return exchanges


def work(rank, port, folder):
    dist.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=PROCESSES)
    folder = Path(folder)
    with EventStorage():
        results = {
            "accumulated": accumulated(rank),
            "skipped": skipped(rank, folder),
            "stopped": stopped(rank, folder),
        }
    torch.save(results, folder / f"rank{rank}.pt")
    dist.barrier()  # neither takes its end of a connection away while the other is still at it
    dist.destroy_process_group()


def accumulated(rank):
    """Two steps of two batches; the batches of process r are 4 s + 2 i + r."""
    model = distributed_toy()
    exchanges = count_exchanges(model)
    batches = [batch(4 * s + 2 * i + rank) for s in range(2) for i in range(2)]
    step = step_of(model, batches, accumulate=2)
    run(step, 2)
    return {
        "state": state(model.module),
        "exchanges": len(exchanges),
        "scalars": step.scalars.read(),
    }


def skipped(rank, folder):
    """Process 1 has a bad batch in the middle."""
    model = distributed_toy()
    batches = [batch(rank), batch(2 + rank, bad=rank == 1), batch(4 + rank)]
    step = step_of(model, batches, guard=NonFiniteGuard(folder, "A: 1\n", max_skipped=1))
    run(step, 3)
    return {"state": state(model.module), "skipped": step.guard.skipped}


def stopped(rank, folder):
    """Process 1 has a bad batch; both have to stop and to know why."""
    model = distributed_toy()
    step = step_of(
        model,
        [batch(2 + rank, bad=rank == 1)],
        guard=NonFiniteGuard(folder / "stopped", "A: 1\n"),
    )
    try:
        run(step, 1)
    except NonFiniteError as error:
        return str(error)
    return ""
