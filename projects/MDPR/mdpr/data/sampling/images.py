"""Batches of independent images, and batches with fixed shares of cameras."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence

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


def camera_weighted_batches(
    items: Sequence[TrainItem],
    size: BatchSize,
    instances: int,
    weights: Sequence[int],
    random: np.random.RandomState,
) -> Iterator[np.ndarray]:
    """What fast-reid's ``SetReWeightSampler`` is for: fixed numbers of identities from each camera.

    fast-reid's own asks for a batch of at least two rounds, hands out batches of exactly one, and so
    never hands out any. Here a batch is as many rounds as fill it. In a round, ``weights[c]`` images
    of camera c (in sorted order) are drawn without replacement, with a probability that grows with
    the number of images of the person they show; K images of each such person follow, with
    replacement where there are not more than K.

    Args:
        items: the training images.
        size: size of a batch, a multiple of ``sum(weights) * instances``.
        instances: images K of an identity.
        weights: identities from each camera in a round, each no more than the camera has images.
        random: where all draws come from.

    Yields:
        (B,) indices, each round shuffled.
    """
    of_identity: dict[Hashable, list[int]] = defaultdict(list)
    of_camera: dict[Hashable, list[Hashable]] = defaultdict(list)
    for index, (_, identity, camera) in enumerate(items):
        of_identity[identity].append(index)
        of_camera[camera].append(identity)
    cameras = [of_camera[camera] for camera in sorted(of_camera)]  # type: ignore[type-var]
    shares = [np.array([len(of_identity[identity]) for identity in shown]) for shown in cameras]
    rounds = size.total // (sum(weights) * instances)
    while True:
        batch = []
        for _ in range(rounds):
            drawn: list[np.ndarray] = []
            for shown, share, count in zip(cameras, shares, weights, strict=True):
                for place in random.choice(len(shown), count, replace=False, p=share / share.sum()):
                    images = of_identity[shown[place]]
                    drawn.append(random.choice(images, instances, len(images) <= instances))
            batch.append(random.permutation(np.concatenate(drawn)))
        yield np.concatenate(batch)
