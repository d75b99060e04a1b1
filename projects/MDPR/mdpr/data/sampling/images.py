"""Batches of independent images."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from mdpr.data.sampling.batches import BatchSize
from mdpr.data.sampling.identities import TrainItem


def shuffled_batches(num_images: int, size: BatchSize, random: np.random.RandomState) -> Iterator[np.ndarray]:
    """fast-reid's ``TrainingSampler``: one shuffled pass over all images after another.

    Yields:
        (B,) indices; a batch may lie across two passes.
    """
    waiting = np.empty(0, dtype=np.int64)
    while True:
        while len(waiting) < size.total:
            waiting = np.append(waiting, random.permutation(num_images))
        yield waiting[: size.total]
        waiting = waiting[size.total :]


def identity_weighted_batches(
    items: Sequence[TrainItem], size: BatchSize, random: torch.Generator
) -> Iterator[np.ndarray]:
    """fast-reid's ``ImbalancedDatasetSampler``: every identity is equally likely, at every place.

    Yields:
        (B,) indices, drawn with replacement.
    """
    counts = Counter(identity for _, identity, _ in items)
    weights = torch.tensor([1.0 / counts[identity] for _, identity, _ in items]).double()
    waiting = np.empty(0, dtype=np.int64)
    while True:
        while len(waiting) < size.total:
            drawn = torch.multinomial(weights, len(items), replacement=True, generator=random)
            waiting = np.append(waiting, drawn.numpy())
        yield waiting[: size.total]
        waiting = waiting[size.total :]
