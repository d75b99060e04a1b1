"""Jaccard distances of sparse encodings, from queries to the gallery: of Q query and G gallery images."""

from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array

from mdpr.evaluation.distances.arrays import for_each

_ROWS_PER_BLOCK: Final = 32


class JaccardDistances:
    """Jaccard distances, made on demand and on a device.

    They are made of terms: what an entry of a query's encoding shares with one in the gallery's same column.

    Args:
        encoding: (N, N) as of `encode`, queries first: a device may add its terms in any order.
        num_query: Q.
        device: where terms are added.
    """

    def __init__(self, encoding: csr_array, num_query: int, device: torch.device) -> None:
        queries, gallery = encoding[:num_query], encoding[num_query:].tocsc()
        self._num_gallery = gallery.shape[0]
        count = np.diff(gallery.indptr)[queries.indices]
        ends = np.concatenate([[0], np.cumsum(count)])
        self._first_entry, self._first_term = queries.indptr, ends[queries.indptr]  # of each query
        # Of each entry: how many terms, how far from these to the gallery's entries, row, weight.
        row = np.repeat(np.arange(num_query), np.diff(queries.indptr))
        self._entries: list[Any] = [count, gallery.indptr[queries.indices] - ends[:-1], row, queries.data]
        self._gallery: list[Any] = [gallery.indices, gallery.data]
        if device.type == "cuda":
            for arrays in (self._entries, self._gallery):
                arrays[:] = [torch.from_numpy(array).to(device) for array in arrays]

    def add_to(self, block: torch.Tensor, start: int, factor: float) -> None:
        """Add ``factor`` times the distances of the queries from ``start`` on to ``block`` (B, G)."""
        rows: Any = block if block.is_cuda else block.numpy()

        def add(first: int) -> None:
            part = rows[first : first + _ROWS_PER_BLOCK]
            distances = self._on_gpu if block.is_cuda else self._on_cpu
            part += distances(start + first, start + first + len(part)) * factor

        blocks = range(0, len(rows), _ROWS_PER_BLOCK)
        if block.is_cuda:
            for first in blocks:
                add(first)
        else:
            for_each(add, blocks)

    def _on_cpu(self, start: int, stop: int) -> NDArray[np.float64]:
        count, shift, row, weight = self._entries_of(start, stop)
        entry = np.repeat(np.arange(len(count)), count)
        term = np.arange(self._first_term[start], self._first_term[stop]) + shift[entry]
        image, gallery_weight = (values[term] for values in self._gallery)
        cell = ((row - start) * self._num_gallery)[entry] + image
        overlap = np.minimum(weight[entry], gallery_weight)
        shared = np.bincount(cell, overlap, minlength=(stop - start) * self._num_gallery)
        return _distance(np.minimum(shared, 1.0)).reshape(stop - start, -1)

    def _on_gpu(self, start: int, stop: int) -> torch.Tensor:
        count, shift, row, weight = self._entries_of(start, stop)
        first, last = int(self._first_term[start]), int(self._first_term[stop])
        entry = torch.repeat_interleave(count, output_size=last - first)
        term = torch.arange(first, last, device=entry.device) + shift[entry]
        image, gallery_weight = (values[term] for values in self._gallery)
        cell = ((row - start) * self._num_gallery)[entry] + image
        overlap = torch.minimum(weight[entry], gallery_weight)
        shared = weight.new_zeros((stop - start) * self._num_gallery).index_add_(0, cell, overlap)
        return _distance(shared.clamp_(max=1.0)).view(stop - start, -1)

    def _entries_of(self, start: int, stop: int) -> list[Any]:
        own = slice(self._first_entry[start], self._first_entry[stop])
        return [values[own] for values in self._entries]


def _distance(shared: Any) -> Any:
    """Of rows whose weights sum to 1, so that their union is 2 - their intersection."""
    return 1.0 - shared / (2.0 - shared)
