"""The few smallest cells of long rows, in one pass over them.

Selecting k cells of a row by partial sorting costs more than making the row. Here its columns are dealt
into a few hundred groups (column c into group c mod S), and one pass finds each group's smallest cell.
The k-th smallest of these is a limit up to which at least k cells of the row lie, and few more, all in
groups whose smallest cell is up to it.

Letters: B rows, G columns, S groups of R columns each, T last columns, each a group of its own
(G = S R + T).
"""

import math

import torch

__all__ = ["RowGroups"]


class RowGroups:
    """Rows whose columns are dealt into groups."""

    def __init__(self, block: torch.Tensor, k: int) -> None:
        """Find each group's smallest cell.

        Args:
            block: (B, G) values on any device, no NaN; it is kept, not copied.
            k: number of smallest cells that will be looked for, 1 <= k <= G.
        """
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
