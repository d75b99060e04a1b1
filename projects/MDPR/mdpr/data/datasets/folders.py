"""Data sets of three folders whose file names state identity and camera."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from mdpr.data.datasets.base import CheckedDataset, Item, Split
from mdpr.errors import DatasetError


@dataclass(frozen=True)
class FileNames:
    """How a data set writes identity and camera into its file names.

    Args:
        pattern: matched at the start of the name; its groups are identity and, if cameras are named,
            camera.
        example: a name that follows the pattern, for messages.
        max_identity: the largest identity, or None for no limit.
        cameras: number of cameras; names count them from 1. 0 where names state no camera.
    """

    pattern: re.Pattern[str]
    example: str
    max_identity: int | None = None
    cameras: int = 0

    def parse(self, name: str) -> tuple[int, int]:
        """Identity (-1 or more) and camera (counted from 0) of a file name.

        Raises:
            ValueError: the name does not follow the pattern, or a number is out of range.
        """
        match = self.pattern.match(name)
        if match is None:
            raise ValueError(f"it does not match {self.pattern.pattern}")
        identity = int(match.group(1))
        if self.max_identity is not None and identity > self.max_identity:
            raise ValueError(f"identity {identity} is more than {self.max_identity}")
        if not self.cameras:
            return identity, 0
        camera = int(match.group(2))
        if not 1 <= camera <= self.cameras:
            raise ValueError(f"camera {camera} is not between 1 and {self.cameras}")
        return identity, camera - 1


class FolderDataset(CheckedDataset):
    """Base class: ``<root>/<dataset_dir>/<folder of the split>/<file name>``."""

    dataset_dir: str
    file_names: ClassVar[FileNames]
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
        """The data set's folder.

        Raises:
            DatasetError: it is missing.
        """
        return self.require_folder(Path(self.root, self.dataset_dir))

    def read_folder(self, folder: Path, split: Split) -> list[Item]:
        """Items of a folder, sorted by name: file systems list them in different orders.

        Raises:
            DatasetError: it is missing, or, if reading strictly, holds no image or a name that does
                not parse.
        """
        paths = sorted(
            path
            for path in self.require_folder(folder).iterdir()
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
                self.naming_problem(str(path), str(error), f"a name like {self.file_names.example}")
                continue
            if not self.is_left_out(identity, split):
                items.append(self.item(path, identity, camera, split))
        return items

    def numbers(self, path: Path, split: Split) -> tuple[int, int]:
        """Identity and camera (from 0) of an image.

        Raises:
            ValueError: the file name does not say.
        """
        return self.file_names.parse(path.name)
