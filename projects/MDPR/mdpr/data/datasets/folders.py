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
        """Items of a folder.

        Raises:
            DatasetError: it is missing, or, if reading strictly, holds no image or a name that does
                not parse.
        """
        paths = files_with_suffix(self.require_folder(folder), *self.suffixes)
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
