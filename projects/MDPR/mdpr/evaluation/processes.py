"""The processes of a run in an evaluation: who gets whose features, and how many threads.

fast-reid's inference sampler gives each process one contiguous piece of the data set, so
concatenation by rank restores the order.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import faiss
import torch
import torch.distributed as dist
from fastreid.utils import comm

from mdpr.host import allowed_cores, usable_cores


def gather_rows(batches: Sequence[torch.Tensor], *, keep: bool) -> torch.Tensor:
    """Concatenate the rows of all processes by rank. Every process must call it.

    Args:
        batches: (n, D) tensors of one dtype on one device, any number; D is that of the other processes.
        keep: whether this process wants the rows; it hands out its own in any case.

    Returns:
        (sum of n, D) on the CPU, (0, D) where they are not kept.

    Raises:
        ValueError: processes with rows of different length D.
    """
    if comm.get_world_size() == 1:  # batch by batch: a GPU may not have room for all of them twice
        return torch.cat([batch.cpu() for batch in batches] or [torch.empty(0, 0)])
    own = torch.cat(list(batches) or [torch.empty(0, 0)])
    pieces = comm.all_gather((*own.shape, own.dtype))
    kinds = {(width, dtype) for count, width, dtype in pieces if count} or {pieces[0][1:]}
    if len(kinds) > 1:
        raise ValueError(f"processes have features of different dimensions: {sorted(map(str, kinds))}")
    width, dtype = kinds.pop()
    device = "cuda" if dist.get_backend() == "nccl" else "cpu"
    kept = [torch.empty(0, width, dtype=dtype)]
    for rank, (count, _, _) in enumerate(pieces):
        mine = rank == comm.get_rank()
        piece = own.to(device) if mine else torch.empty(count, width, dtype=dtype, device=device)
        if count:
            dist.broadcast(piece, src=rank)
            kept += [piece.cpu()] if keep else []
    return torch.cat(kept)


@contextmanager
def evaluation_threads(*, shared: bool) -> Iterator[None]:
    """Let PyTorch, `for_each` and faiss use the cores there are, where torchrun left each process one thread.

    That is this process's part of them, or all while it ranks for the others, which wait. A run of one
    process keeps its threads.
    """
    before = torch.get_num_threads(), faiss.omp_get_max_threads()
    cores = usable_cores() if shared else len(allowed_cores())
    _set_threads(*before if comm.get_world_size() == 1 else (cores, cores))
    try:
        yield
    finally:
        _set_threads(*before)


def _set_threads(of_torch: int, of_faiss: int) -> None:
    torch.set_num_threads(of_torch)
    faiss.omp_set_num_threads(of_faiss)
