"""Batches of P identities with K images each, drawn as fast-reid's identity samplers draw them.

fast-reid's samplers share NumPy's global generator with everything else in the process, so their order
depends on what else has drawn from it. These have a generator of their own; from the same seed they
give the same images as fast-reid's do where nothing else draws.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence

import numpy as np

from mdpr.data.sampling.batches import BatchSize

TrainItem = tuple[str, Hashable, Hashable]
"""(path, identity, camera)"""


def naive_identity_batches(
    items: Sequence[TrainItem], size: BatchSize, instances: int, random: np.random.RandomState
) -> Iterator[np.ndarray]:
    """fast-reid's ``NaiveIdentitySampler``.

    A pass over the set cuts the shuffled images of each identity into groups of K (an identity with
    fewer images is filled up by drawing with replacement, left-over images wait for another pass).
    Identities are drawn without replacement among those that have a group left, until there are fewer
    of them than a process takes; a batch that is then not full is dropped, and the next pass begins.

    Args:
        items: the training images; each process's share of identities must be there.
        size: size of a batch; a process's share is a multiple of ``instances``.
        instances: images K of an identity in a batch.
        random: where all draws come from.

    Yields:
        (B,) indices into ``items``; a process's images follow each other.
    """
    images = _images_by_identity(items)
    identities = size.per_process // instances
    while True:
        groups: dict[int, list[np.ndarray]] = {}
        available = list(range(len(images)))
        batch: list[np.ndarray] = []
        while len(available) >= identities:
            chosen = random.choice(len(available), identities, replace=False)
            for identity in [available[place] for place in chosen]:
                if identity not in groups:
                    groups[identity] = _groups(images[identity], instances, random)
                batch.append(groups[identity].pop(0))
                if not groups[identity]:
                    available.remove(identity)
            if len(batch) * instances == size.total:
                yield np.concatenate(batch)
                batch = []


def balanced_identity_batches(
    items: Sequence[TrainItem], size: BatchSize, instances: int, random: np.random.RandomState
) -> Iterator[np.ndarray]:
    """fast-reid's ``BalancedIdentitySampler``.

    A pass goes once through all identities in random order; those that do not fill a batch are left
    out. The first image of an identity is any; the others come from other cameras than the first, or,
    where there is only one camera, from its other images; with replacement where there are fewer
    than K of them; an identity with one image repeats it.

    Args, yields: see `naive_identity_batches`.
    """
    images = _images_by_identity(items)
    _, cameras = np.unique([str(camera) for _, _, camera in items], return_inverse=True)
    per_batch = size.total // instances
    while True:
        order = random.permutation(len(images))
        for begin in range(0, len(order) - per_batch + 1, per_batch):
            yield np.concatenate([
                _balanced(images[identity], cameras[images[identity]], instances, random)
                for identity in order[begin : begin + per_batch]
            ])  # fmt: skip


def _groups(images: np.ndarray, instances: int, random: np.random.RandomState) -> list[np.ndarray]:
    if len(images) < instances:
        images = images[random.choice(len(images), instances, replace=True)]
    shuffled = random.permutation(images)
    return [
        shuffled[begin : begin + instances] for begin in range(0, len(shuffled) - instances + 1, instances)
    ]


def _balanced(
    images: np.ndarray, cameras: np.ndarray, instances: int, random: np.random.RandomState
) -> np.ndarray:
    first = random.choice(len(images))
    others = np.flatnonzero(cameras != cameras[first])
    if not len(others):
        others = np.flatnonzero(np.arange(len(images)) != first)
    if not len(others):
        return np.repeat(images, instances)
    more = random.choice(others, instances - 1, replace=len(others) < instances)
    return images[np.append(first, more)]


def _images_by_identity(items: Sequence[TrainItem]) -> list[np.ndarray]:
    """Indices of each identity's images, identities in sorted order."""
    images: dict[Hashable, list[int]] = defaultdict(list)
    for index, (_, identity, _) in enumerate(items):
        images[identity].append(index)
    return [np.array(images[identity]) for identity in sorted(images)]  # type: ignore[type-var]
