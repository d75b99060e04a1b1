"""Batches of independent images."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import count

import numpy as np
import torch

from mdpr.data.sampling.batches import BatchSize
from mdpr.data.sampling.identities import TrainItem


def shuffled_batches(num_images: int, size: BatchSize, random: np.random.RandomState) -> Iterator[np.ndarray]:
    """fast-reid's ``TrainingSampler``: one shuffled pass over all images after another.

    Returns:
        (B,) indices; a batch may lie across two passes.
    """
    return _cut((random.permutation(num_images) for _ in count()), size)


def identity_weighted_batches(
    items: Sequence[TrainItem], size: BatchSize, random: torch.Generator
) -> Iterator[np.ndarray]:
    """fast-reid's ``ImbalancedDatasetSampler``: every identity is equally likely, at every place.

    Returns:
        (B,) indices, drawn with replacement.
    """
    counts = Counter(identity for _, identity, _ in items)
    weights = torch.tensor([1.0 / counts[identity] for _, identity, _ in items]).double()
    draws = (torch.multinomial(weights, len(items), replacement=True, generator=random) for _ in count())
    return _cut((drawn.numpy() for drawn in draws), size)


def _cut(passes: Iterable[np.ndarray], size: BatchSize) -> Iterator[np.ndarray]:
    """Batches out of one endless row of images."""
    waiting = np.empty(0, dtype=np.int64)
    for images in passes:
        waiting = np.append(waiting, images)
        while len(waiting) >= size.total:
            yield waiting[: size.total]
            waiting = waiting[size.total :]
