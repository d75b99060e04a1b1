"""Training identities held out to choose by, so that nothing is chosen on those of a test set.

``DATASETS.VAL_FRACTION`` says which share of every set in ``DATASETS.NAMES``. They are tested under the name
of the set with `SUFFIX` behind it, before the sets in ``DATASETS.TESTS``; and it is the first tested set that
choices go by.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from fastreid.config import CfgNode

from mdpr.data.sampling.identities import TrainItem
from mdpr.errors import DatasetError

SUFFIX = "-val"


def evaluated_sets(cfg: CfgNode) -> tuple[str, ...]:
    """Names of all sets that a run is evaluated on, the one that choices go by first."""
    names = cfg.DATASETS.NAMES if cfg.DATASETS.VAL_FRACTION else ()
    return (*(f"{name}{SUFFIX}" for name in names), *cfg.DATASETS.TESTS)


def split_identities(
    items: Sequence[TrainItem], fraction: float, name: str
) -> tuple[list[TrainItem], list[TrainItem]]:
    """Hold out a share of the identities.

    Which ones depends on their names alone: every run on a set holds out the same, and a larger share holds
    out those of a smaller one too.

    Args:
        items: the training images of a set.
        fraction: share of the identities, >= 0 and < 1; rounded to whole people.
        name: of the set, for the error.

    Returns:
        The images to train on, and those held out, in their order.

    Raises:
        DatasetError: fewer than two identities are on either side.
    """
    if not fraction:
        return list(items), []
    identities = sorted({identity for _, identity, _ in items}, key=_drawn)
    count = round(fraction * len(identities))
    if min(count, len(identities) - count) < 2:
        raise DatasetError(
            f"DATASETS.VAL_FRACTION is {fraction}: of the {len(identities)} training identities of {name} it "
            f"holds out {count} and leaves {len(identities) - count}; two or more are needed on both sides"
        )
    held_out = set(identities[:count])
    split: tuple[list[TrainItem], list[TrainItem]] = ([], [])
    for item in items:
        split[item[1] in held_out].append(item)
    return split


def query_and_gallery(items: Sequence[TrainItem], name: str) -> tuple[list[Any], list[Any]]:
    """Arrange images for an evaluation.

    The first image of every person and camera that has more of that person is a query, all others are the
    gallery. Where all images are of one camera, none is known: the gallery then gets another one, as images
    of the same person and camera are no match.

    Args:
        items: training images, whose identities and cameras can be of any kind.
        name: of the set, for the error.

    Returns:
        Query and gallery: (path, identity, camera), the last two numbered from 0.

    Raises:
        DatasetError: no query has a match.
    """
    people, cameras = (_numbers({item[column] for item in items}) for column in (1, 2))
    images = Counter(item[1:] for item in items)
    query: list[Any] = []
    gallery: list[Any] = []
    seen = set()
    for path, person, camera in items:
        is_query = images[person, camera] > 1 and (person, camera) not in seen
        seen.add((person, camera))
        other_camera = len(cameras) == 1 and not is_query
        numbered = (path, people[person], cameras[camera] + other_camera)
        (query if is_query else gallery).append(numbered)
    cameras_of: dict[int, set[int]] = defaultdict(set)
    for _, person, camera in gallery:
        cameras_of[person].add(camera)
    if not any(cameras_of[person] - {camera} for _, person, camera in query):
        raise DatasetError(
            f"DATASETS.VAL_FRACTION: of the {len(people)} identities held out of {name} none has two images "
            "by one camera and another one by a second, so that nothing can be searched: hold out more"
        )
    return query, gallery


def _numbers(values: set[Any]) -> dict[Any, int]:
    return {value: number for number, value in enumerate(sorted(values, key=str))}


def _drawn(identity: Any) -> bytes:
    return hashlib.sha256(str(identity).encode()).digest()
