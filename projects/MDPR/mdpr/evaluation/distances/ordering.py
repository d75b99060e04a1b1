"""Order within rows of distances: at equal distance the column with the lower index comes first.

Everything that orders distances does it here, so there is one rule for ties.
"""

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from mdpr.evaluation.distances.arrays import positions_in_groups

_MANY_CELLS_PER_ROW: Final = 256


def fill_cells(
    block: torch.Tensor, rows: NDArray[np.int64], columns: NDArray[np.int64], value: float
) -> None:
    """Set some cells of ``block`` (B, G) to ``value``, in place."""
    block[_cell_index(block, rows, columns)] = value


def read_cells(
    block: torch.Tensor, rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Read some cells of ``block`` (B, G)."""
    return block[_cell_index(block, rows, columns)].cpu().numpy()


def _cell_index(
    block: torch.Tensor, rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(rows).to(block.device), torch.from_numpy(columns).to(block.device)


def ranks_of_cells(
    block: torch.Tensor, rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Rank some cells of a block of distances within their rows.

    Args:
        block: (B, G) float64 distances, on any device; no NaN.
        rows, columns: (M,) the cells.

    Returns:
        (M,) ranks from 0: how many cells of the row are smaller, or equal and further left.
    """
    if block.is_cuda or len(rows) > _MANY_CELLS_PER_ROW * len(block):
        return _ranks_by_sorting(block, rows, columns)
    return _ranks_by_counting(block.numpy(), rows, columns)


def _ranks_by_counting(
    block: NDArray[np.float64], rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> NDArray[np.int64]:
    # Few cells of each row are asked for: comparing the row with each of them takes a fraction
    # of the time that sorting the row does.
    ranks = np.empty(len(rows), dtype=np.int64)
    for i, (row, column) in enumerate(zip(rows.tolist(), columns.tolist(), strict=True)):
        distances = block[row]
        limit = distances[column]
        ranks[i] = np.count_nonzero(distances[:column] <= limit)
        ranks[i] += np.count_nonzero(distances[column:] < limit)
    return ranks


def _ranks_by_sorting(
    block: torch.Tensor, rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> NDArray[np.int64]:
    order = torch.sort(block, dim=1, stable=True).indices
    places = torch.arange(block.shape[1], device=block.device).expand_as(order)
    ranks = torch.empty_like(order).scatter_(1, order, places)
    return ranks[_cell_index(block, rows, columns)].cpu().numpy()


def smallest_cells(block: torch.Tensor, k: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Find the k smallest cells of each row, in order.

    Args:
        block: (B, G) distances, on any device; +infinity marks cells that are left out; no NaN.
        k: 1 <= k <= G.

    Returns:
        (B, k) columns, nearest first, and their values; -1 and NaN where fewer than k cells of the row
        are left.
    """
    limit = block.kthvalue(k, dim=1, keepdim=True).values
    cells = (block <= limit.clamp(max=torch.finfo(block.dtype).max)).nonzero(as_tuple=True)
    values = block[cells].cpu().numpy()
    rows, columns = (index.cpu().numpy() for index in cells)
    order = np.lexsort((columns, values, rows))
    rows = rows[order]
    places = positions_in_groups(rows, np.bincount(rows, minlength=len(block)))
    kept = places < k
    first, smallest = np.full((len(block), k), -1, dtype=np.int64), np.full((len(block), k), np.nan)
    found = rows[kept], places[kept]
    first[found], smallest[found] = columns[order[kept]], values[order[kept]]
    return first, smallest
