"""What the data sets here have in common: checked files, and errors that say what to do."""

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

from fastreid.data.datasets import DATASET_REGISTRY
from fastreid.data.datasets.bases import ImageDataset

from mdpr.errors import DatasetError
from mdpr.rules import Choice, Rule

Split = Literal["train", "query", "gallery"]
SPLITS: tuple[Split, ...] = ("train", "query", "gallery")
# Path, identity, camera: strings "<data set>_<number>" in training (so that several sets can be trained
# on together), whole numbers in query and gallery.
Item = tuple[str, Any, Any]
# By argument of a constructor: the full config key that holds its value, and what is allowed.
ConfigOptions = Mapping[str, tuple[str, Rule | Choice]]

JUNK_IDENTITY = -1
DatasetClass = TypeVar("DatasetClass", bound=type)


def register(dataset_class: DatasetClass) -> DatasetClass:
    """Class decorator: enter a data set under its class name, in place of fast-reid's own of that name."""
    # The registry has no call to replace an entry.
    DATASET_REGISTRY._obj_map[dataset_class.__name__] = dataset_class
    return dataset_class


def dataset_root() -> str:
    """The folder of all data sets: ``$FASTREID_DATASETS``, read now, or ``datasets``."""
    return os.getenv("FASTREID_DATASETS") or "datasets"


class CheckedDataset(ImageDataset):
    """Base class: reads all three splits at once, in an order that no file system changes.

    Images of identity -1 (junk: boxes that are neither a person nor a distractor) are left out. Those of
    `distractor_identities` stay in the gallery, where nothing matches them, and nowhere else.

    Args:
        root: the folder that holds the data set's folder.
        strict: whether a file name that does not parse is an error. If not, the image is left out and
            `naming_problems` says so.
        kwargs: fast-reid's own (``combineall``, ``mode``), and whatever else its loader builders hand
            on, which is ignored.

    Attributes:
        naming_problems: one line for each image left out for its name.
        junk: images left out as junk, per split.

    Raises:
        DatasetError: a folder is missing or holds no image, or a file name does not parse.
    """

    dataset_name: ClassVar[str]
    where_to_get: ClassVar[str]
    distractor_identities: ClassVar[frozenset[int]] = frozenset()
    # Whether one number is one person, be it in the training or in the test set.
    numbered_across_splits: ClassVar[bool] = True
    # Arguments of the constructor that have a config key; see `mdpr.data.options`.
    config_options: ClassVar[ConfigOptions] = {}
    # Images per split of the complete set, as its authors state them; empty where unknown.
    published_counts: Mapping[str, int] = {}
    # Whether query and gallery say who is who, so that a score can be computed.
    has_identities = True
    _junk_pids: ClassVar[list[int]] = [JUNK_IDENTITY]

    def __init__(self, root: str | Path = "datasets", *, strict: bool = True, **kwargs: Any) -> None:
        self.root = str(root)
        self.strict = strict
        self.naming_problems: list[str] = []
        self.junk: Counter[str] = Counter()
        train, query, gallery = self.read_splits()
        # Not super(): a fast-reid class among the parents would look for its files again.
        ImageDataset.__init__(self, train, query, gallery, **kwargs)

    def read_splits(self) -> tuple[list[Item], list[Item], list[Item]]:
        """Items of train, query and gallery."""
        raise NotImplementedError

    def require_folder(self, *parts: str | Path) -> Path:
        """The folder ``root/parts``.

        Raises:
            DatasetError: there is no such folder.
        """
        folder = Path(self.root, *parts)
        if not folder.is_dir():
            raise self.missing(folder)
        return folder

    def missing(self, path: Path) -> DatasetError:
        """The error for a missing file or folder of the set."""
        return DatasetError(
            f"{type(self).__name__}: there is no {path.absolute()}. Data sets are looked for in "
            f"{Path(self.root).absolute()}, which the environment variable FASTREID_DATASETS sets "
            f"(default: datasets/). {self.where_to_get}"
        )

    def naming_problem(self, where: str, reason: str, expected: str) -> None:
        """Note that an image is left out for its name.

        Raises:
            DatasetError: the data set is read strictly.
        """
        message = f"{where}: {reason}; expected {expected}"
        if self.strict:
            raise DatasetError(
                f"{message}. Rename or remove it; `python scripts/check_dataset.py "
                f"{type(self).__name__}` lists all such names"
            )
        self.naming_problems.append(message)

    def is_left_out(self, identity: int, split: Split) -> bool:
        """Whether the rules of the class docstring keep an image out of a split; counts it if so."""
        left_out = identity == JUNK_IDENTITY or (
            split != "gallery" and identity in self.distractor_identities
        )
        self.junk[split] += left_out
        return left_out

    def item(self, path: Path, identity: int, camera: int, split: Split) -> Item:
        """An item in the form its split needs."""
        if split == "train":
            return str(path), f"{self.dataset_name}_{identity}", f"{self.dataset_name}_{camera}"
        return str(path), identity, camera
