"""A data set's images with their split, in one list for the rules of the check."""

from collections import Counter
from dataclasses import dataclass
from statistics import median

from fastreid.data.datasets.bases import ImageDataset

from mdpr.data.checking.findings import SplitSummary
from mdpr.data.datasets.base import SPLITS, CheckedDataset, Split


@dataclass(frozen=True)
class Entry:
    """An image of a split. Equal ``identity`` means the same person in every split, if the data set
    numbers its identities across splits."""

    path: str
    split: Split
    identity: str
    camera: str


def entries_of(dataset: ImageDataset) -> list[Entry]:
    """All images of a data set: train, then query, then gallery."""
    prefix = f"{getattr(dataset, 'dataset_name', '')}_"
    return [
        Entry(path, split, str(identity).removeprefix(prefix), str(camera).removeprefix(prefix))
        for split in SPLITS
        for path, identity, camera in getattr(dataset, split)
    ]


def summarize(dataset: ImageDataset, entries: list[Entry]) -> tuple[SplitSummary, ...]:
    """Counts of train, query and gallery."""
    summaries = []
    for split in SPLITS:
        mine = [entry for entry in entries if entry.split == split]
        images = Counter(entry.identity for entry in mine).values() or [0]
        ours = isinstance(dataset, CheckedDataset)
        summaries.append(
            SplitSummary(
                split=split,
                images=len(mine),
                identities=len({entry.identity for entry in mine}),
                cameras=len({entry.camera for entry in mine}),
                per_identity=(min(images), median(images), max(images)),
                left_out=dataset.junk[split] if ours else 0,
                published=dataset.published_counts.get(split) if ours else None,
            )
        )
    return tuple(summaries)
