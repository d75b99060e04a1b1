"""Data sets of three folders whose file names state identity and camera."""

import re
from pathlib import Path
from typing import ClassVar

from mdpr.data.datasets.base import CheckedDataset, Item, Split
from mdpr.errors import DatasetError


class FolderDataset(CheckedDataset):
    """Base class: ``<root>/<dataset_dir>/<folder of the split>/<file name>``."""

    dataset_dir: str
    # Matched at the start of a file name; its groups are identity and, if names state it, camera.
    name_pattern: ClassVar[re.Pattern[str]] = re.compile(r"(-1|\d+)_c(\d+)")
    name_example: ClassVar[str]  # for messages
    max_identity: ClassVar[int | None] = None
    num_cameras: ClassVar[int] = 0  # names count them from 1; 0 where they state none
    suffixes: ClassVar[tuple[str, ...]] = (".jpg",)  # lower case; any case matches

    def read_splits(self) -> tuple[list[Item], list[Item], list[Item]]:
        """Items of train, query and gallery."""
        data_dir = self.data_dir()
        return (
            self.read_folder(data_dir / "bounding_box_train", "train"),
            self.read_folder(data_dir / "query", "query"),
            self.read_folder(data_dir / "bounding_box_test", "gallery"),
        )

    def data_dir(self) -> Path:
        """Where the data set's folder lies under the root.

        Raises:
            DatasetError: it is missing.
        """
        self.require_folder(self.dataset_dir)
        return Path(self.dataset_dir)

    def read_folder(self, place: Path, split: Split) -> list[Item]:
        """Items of a folder under the root, sorted by name: file systems list them in different orders.

        Raises:
            DatasetError: it is missing, or, if reading strictly, holds no image or a name that does
                not parse.
        """
        folder = self.require_folder(place)
        paths = sorted(
            path
            for path in folder.iterdir()
            if path.suffix.lower() in self.suffixes and not path.name.startswith(".")
        )
        if not paths and self.strict:
            raise DatasetError(
                f"{type(self).__name__}: {folder.absolute()} holds no image "
                f"({', '.join('*' + suffix for suffix in self.suffixes)}). {self.where_to_get}"
            )
        items = []
        for path in paths:
            try:
                identity, camera = self.numbers(path, split)
            except ValueError as error:
                self.naming_problem(str(path), str(error), f"a name like {self.name_example}")
                continue
            if not self.is_left_out(identity, split):
                items.append(self.item(path, identity, camera, split))
        return items

    def numbers(self, path: Path, split: Split) -> tuple[int, int]:
        """Identity and camera (from 0) of an image.

        Raises:
            ValueError: the file name does not say, or a number is out of range.
        """
        match = self.name_pattern.match(path.name)
        if match is None:
            raise ValueError(f"it does not match {self.name_pattern.pattern}")
        identity = int(match.group(1))
        if self.max_identity is not None and identity > self.max_identity:
            raise ValueError(f"identity {identity} is more than {self.max_identity}")
        if not self.num_cameras:
            return identity, 0
        camera = int(match.group(2))
        if not 1 <= camera <= self.num_cameras:
            raise ValueError(f"camera {camera} is not between 1 and {self.num_cameras}")
        return identity, camera - 1
