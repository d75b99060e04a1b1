"""Order within rows of distances: at equal distance the column with the lower index comes first.

Everything that orders distances does it here, so there is one rule for ties.
"""

import math
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
    groups = RowGroups(block, k)
    cells = groups.cells(groups.limit().clamp(max=torch.finfo(block.dtype).max))
    values = block[cells].cpu().numpy()
    rows, columns = (index.cpu().numpy() for index in cells)
    return first_cells(rows, columns, values, shape=(len(block), k))


def first_cells(
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    values: NDArray[np.float64],
    *,
    shape: tuple[int, int],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Order some cells within their rows and keep the first of each row.

    Args:
        rows, columns, values: (P,) the cells, in any order, and what orders them.
        shape: number of rows B and number k to keep of each.

    Returns:
        (B, k) columns, smallest value first, and the values; -1 and NaN where a row has fewer than k.
    """
    order = np.lexsort((columns, values, rows))
    rows = rows[order]
    places = positions_in_groups(rows, np.bincount(rows, minlength=shape[0]))
    kept = places < shape[1]
    first, smallest = np.full(shape, -1, dtype=np.int64), np.full(shape, np.nan)
    cells = rows[kept], places[kept]
    first[cells], smallest[cells] = columns[order[kept]], values[order[kept]]
    return first, smallest


class RowGroups:
    """Long rows whose columns are dealt into groups, for the few smallest cells in one pass over them.

    Selecting k cells of a row by partial sorting costs more than making the row. Here its columns are
    dealt into a few hundred groups (column c into group c mod S), and one pass finds each group's
    smallest cell. The k-th smallest of these is a limit up to which at least k cells of the row lie, and
    few more, all in groups whose smallest cell is up to it.

    Letters: B rows, G columns, S groups of R columns each, T last columns, each a group of its own
    (G = S R + T).

    Find each group's smallest cell.

    Args:
        block: (B, G) values on any device, no NaN; it is kept, not copied.
        k: number of smallest cells that will be looked for, 1 <= k <= G.
    """

    def __init__(self, block: torch.Tensor, k: int) -> None:
        num_columns = block.shape[1]
        # As many cells in the groups that are looked into as there are groups.
        num_groups = math.ceil(math.sqrt(num_columns * k))
        if 2 * num_groups > num_columns:
            num_groups = num_columns
        self._k = k
        self._num_groups = num_groups
        grouped = num_columns // num_groups * num_groups
        self._last = block[:, grouped:]
        self._members = block[:, :grouped].unflatten(1, (-1, num_groups))
        minima = torch.cat([self._members.amin(dim=1), self._last], dim=1)
        self._minima = minima.float() if minima.dtype == torch.bfloat16 else minima

    def limit(self) -> torch.Tensor:
        """Bound the k-th smallest cell of each row from above, (B, 1); float32 for narrower cells."""
        return self._minima.kthvalue(self._k, dim=1, keepdim=True).values

    def count(self, limit: torch.Tensor) -> torch.Tensor:
        """Count the groups of each row that have a cell up to its limit (B, 1): (B,) int64."""
        return (self._minima <= limit).sum(dim=1)

    def cells(self, limit: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Find all cells up to the limit of their row.

        Args:
            limit: (B, 1); -infinity for a row of which no cell is wanted.

        Returns:
            Rows and columns (P,) of the cells, in no particular order.
        """
        hit = self._minima <= limit
        rows, groups = hit[:, : self._num_groups].nonzero(as_tuple=True)
        members = self._members.transpose(1, 2)[rows, groups]
        place, member = (members <= limit[rows]).nonzero(as_tuple=True)
        last_rows, last = hit[:, self._num_groups :].nonzero(as_tuple=True)
        grouped = self._num_groups * self._members.shape[1]
        return (
            torch.cat([rows[place], last_rows]),
            torch.cat([member * self._num_groups + groups[place], last + grouped]),
        )
