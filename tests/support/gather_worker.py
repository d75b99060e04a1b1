"""What each process does in the test of evaluation with several processes."""

import socket
from dataclasses import dataclass
from pathlib import Path

import mdpr  # noqa: F401 -- before fastreid, which it mends in this process too

# isort: split
import torch
import torch.distributed as dist
from fastreid.config import CfgNode
from mdpr.evaluation import ReidEvaluator
from mdpr.evaluation.processes import gather_rows


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def shards(size, num_processes):
    """The contiguous pieces of fast-reid's InferenceSampler."""
    length = (size - 1) // num_processes + 1
    return [slice(length * i, length * (i + 1)) for i in range(num_processes)]


@dataclass(frozen=True)
class Task:
    """Files ``0.pt``, ... in ``folder`` hold (features, person, camera); results go beside them."""

    num_processes: int
    port: int
    config: str
    num_query: int
    folder: Path


def evaluate_shards(process, task):
    dist.init_process_group(
        "gloo", f"tcp://127.0.0.1:{task.port}", rank=process, world_size=task.num_processes
    )
    for share in (False, True):
        evaluator = ReidEvaluator(
            *(
                CfgNode.load_cfg(task.config),
                task.num_query,
                str(task.folder / f"files_{share}_of_{process}"),
            ),
            share_queries=share,
        )
        for file in sorted(task.folder.glob("?.pt")):
            features, person, camera = torch.load(file)
            shard = shards(len(features), task.num_processes)[process]
            evaluator.reset()
            evaluator.process({"targets": person[shard], "camids": camera[shard]}, features[shard])
            returned = evaluator.evaluate()
            results = {name: dict(scores) for name, scores in evaluator.results_by_setting.items()}
            result_file = file.with_name(f"{file.stem}_{share}_by_{process}.pt")
            torch.save((dict(returned), results), result_file)
    # A process may have nothing: with more processes than images, for instance.
    batches = [torch.arange(6.0).reshape(2, 3), torch.arange(6.0, 12).reshape(2, 3)] if process == 1 else []
    rows = gather_rows(batches, keep=process == 0)
    torch.save(rows, task.folder / f"gathered_by_{process}.pt")
    dist.destroy_process_group()
