"""Data sets of three folders whose file names state identity and camera."""

from pathlib import Path
from typing import ClassVar

from mdpr.data.datasets.base import CheckedDataset, Item, Split
from mdpr.data.datasets.file_names import FileNames, files_with_suffix
from mdpr.errors import DatasetError


class FolderDataset(CheckedDataset):
    """Base class: ``<root>/<dataset_dir>/<folder of the split>/<file name>``."""

    dataset_dir: str
    file_names: ClassVar[FileNames]
    suffixes: ClassVar[tuple[str, ...]] = (".jpg",)

    def read_splits(self) -> tuple[list[Item], list[Item], list[Item]]:
        """Items of train, query and gallery."""
        data_dir = self.data_dir()
        return (
            self.read_folder((*data_dir, "bounding_box_train"), "train"),
            self.read_folder((*data_dir, "query"), "query"),
            self.read_folder((*data_dir, "bounding_box_test"), "gallery"),
        )

    def data_dir(self) -> tuple[str, ...]:
        """Path of the data set's folder under the root, in parts.

        Raises:
            DatasetError: it is missing.
        """
        self.require_folder(self.dataset_dir)
        return (self.dataset_dir,)

    def read_folder(self, parts: tuple[str, ...], split: Split) -> list[Item]:
        """Items of a folder under the root.

        Raises:
            DatasetError: it is missing, or, if reading strictly, holds no image or a name that does
                not parse.
        """
        folder = self.require_folder(*parts)
        paths = files_with_suffix(folder, *self.suffixes)
        if not paths and self.strict:
            raise DatasetError(
                f"{type(self).__name__}: {folder.absolute()} holds no image "
                f"({', '.join('*' + suffix for suffix in self.suffixes)}). {self.where_to_get}"
            )
        items = []
        for path in paths:
            numbers = self._numbers(path, split)
            if numbers is not None and not self.is_left_out(numbers[0], split):
                items.append(self.item(path, *numbers, split))
        return items

    def numbers(self, path: Path, split: Split) -> tuple[int, int]:
        """Identity and camera (from 0) of an image.

        Raises:
            ValueError: the file name does not say.
        """
        return self.file_names.parse(path.name)

    def _numbers(self, path: Path, split: Split) -> tuple[int, int] | None:
        try:
            return self.numbers(path, split)
        except ValueError as error:
            self.naming_problem(str(path), str(error), f"a name like {self.file_names.example}")
            return None
