"""Collect the features of all processes, as tensors, in the order of the data set.

fast-reid's inference sampler gives each process one contiguous piece of the data set, so
concatenation by rank restores the order.
"""

import torch
import torch.distributed as dist
from fastreid.utils import comm


def gather_rows(rows: torch.Tensor) -> torch.Tensor:
    """Concatenate the rows of all processes by rank. Every process must call it.

    Args:
        rows: (n, D) tensor on the CPU; n may differ between processes and be 0 (D is then
            taken from the others). The dtype must be the same everywhere.

    Returns:
        (sum of n, D) on the CPU in the main process, (0, D) in the others, which need no copy.

    Raises:
        ValueError: processes with rows of different length D.
    """
    world_size = comm.get_world_size()
    if world_size == 1:
        return rows
    device = torch.device("cuda" if dist.get_backend() == "nccl" else "cpu")
    shape = torch.tensor(rows.shape, device=device)
    shapes = [torch.empty_like(shape) for _ in range(world_size)]
    dist.all_gather(shapes, shape)
    counts = [int(count) for count, _ in shapes]
    widths = {int(width) for count, width in shapes if count > 0} or {rows.shape[1]}
    if len(widths) > 1:
        raise ValueError(f"processes have features of different dimensions: {sorted(widths)}")
    # gather needs equal shapes: pad to the longest.
    padded = torch.zeros(max(counts), widths.pop(), dtype=rows.dtype, device=device)
    if len(rows):
        padded[: len(rows)] = rows.to(device)
    if not comm.is_main_process():
        dist.gather(padded)
        return padded[:0].cpu()
    parts = [torch.empty_like(padded) for _ in range(world_size)]
    dist.gather(padded, parts)
    return torch.cat([part[:count].cpu() for part, count in zip(parts, counts, strict=True)])
