"""Any data set: from a CSV file, or from folders."""

import logging
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

from mdpr.data.datasets.base import (
    JUNK_IDENTITY,
    SPLITS,
    CheckedDataset,
    ConfigOptions,
    Item,
    Split,
    register,
)
from mdpr.data.datasets.image_sources import LabelledImage, images_from_csv, images_from_folders
from mdpr.errors import DatasetError
from mdpr.rules import Rule

logger = logging.getLogger(__name__)


@register
class ImageFolderReID(CheckedDataset):
    """Your own images. Persons and cameras may have any names.

    From folders: ``<path>/{train,query,gallery}/PERSON/CAMERA/IMAGE``, or ``.../PERSON/IMAGE`` where
    cameras are unknown. From a CSV file: columns ``path,person,camera,split``, ``split`` being train,
    query or gallery; paths start at the folder of the CSV file; ``camera`` may be empty or left out.

    Evaluation ignores gallery images of the query's person and camera. Images without a camera are
    therefore given one: that of gallery images differs from that of query images, so that no true match
    is filtered away; the log says so. Images of a person named ``-1`` are junk and left out. A person
    in the gallery whom no query shows is a distractor. A set may have training images only, or query
    and gallery only.

    Args:
        root: the folder at which a relative ``path`` starts.
        path: the folder of the set.
        csv_file: the CSV file, relative to ``path``; empty to read folders.
        kwargs: as for the base class.

    Attributes:
        persons: names; the whole number of an identity is its place here.
        cameras: names; likewise.

    Raises:
        DatasetError: nothing is there, an entry does not parse, or there is a query without a gallery
            or the other way round.
    """

    dataset_name = "imagefolder"
    where_to_get = (
        "Set DATASETS.IMAGE_FOLDER.PATH to the folder that holds train/, query/ and gallery/, or to that "
        "of the CSV file named by DATASETS.IMAGE_FOLDER.CSV"
    )
    config_options: ClassVar[ConfigOptions] = {
        "path": (
            "DATASETS.IMAGE_FOLDER.PATH",
            Rule(
                "the folder of your images (a relative one starts at $FASTREID_DATASETS), since DATASETS "
                "names ImageFolderReID",
                lambda value: isinstance(value, str) and value != "",
            ),
        ),
        "csv_file": (
            "DATASETS.IMAGE_FOLDER.CSV",
            Rule("a file name, or '' for folders", lambda value: isinstance(value, str)),
        ),
    }

    def __init__(
        self,
        root: str | Path = "datasets",
        *,
        path: str | Path = "",
        csv_file: str | Path = "",
        **kwargs: Any,
    ) -> None:
        if not str(path):
            raise DatasetError(
                f"ImageFolderReID: no folder is given, so there is nothing to read. {self.where_to_get}"
            )
        self.path = Path(path).expanduser()
        self.csv_file = str(csv_file)
        super().__init__(root, **kwargs)

    def read_splits(self) -> tuple[list[Item], list[Item], list[Item]]:
        """Items of train, query and gallery."""
        images = self._images()
        self.persons = sorted({image.person for image in images})
        self.cameras = sorted({image.camera for image in images if image.camera})
        self._log_unknown_cameras(images)
        identity_of = {person: number for number, person in enumerate(self.persons)}
        camera_of = {camera: number for number, camera in enumerate(self.cameras)}
        unknown: dict[Split, int] = dict.fromkeys(SPLITS, len(self.cameras))
        unknown["gallery"] += 1
        splits: dict[Split, list[Item]] = {split: [] for split in SPLITS}
        for image in images:
            camera = camera_of.get(image.camera, unknown[image.split])
            identity = identity_of[image.person]
            splits[image.split].append(self.item(image.path, identity, camera, image.split))
        self._check_splits(splits)
        return splits["train"], splits["query"], splits["gallery"]

    def _images(self) -> list[LabelledImage]:
        folder = self.require_folder(self.path)  # an absolute path replaces the root
        if self.csv_file:
            csv_path = folder / self.csv_file
            if not csv_path.is_file():
                raise self.missing(csv_path)
            images = [*images_from_csv(csv_path, self.naming_problem)]
        else:
            images = [*images_from_folders(folder, self.naming_problem)]
        junk = str(JUNK_IDENTITY)
        self.junk.update(image.split for image in images if image.person == junk)
        return [image for image in images if image.person != junk]

    def _log_unknown_cameras(self, images: list[LabelledImage]) -> None:
        unknown = Counter(image.split for image in images if not image.camera)
        if unknown:
            logger.warning(
                "ImageFolderReID: the camera of %s is unknown. Query and gallery images without one get "
                "different cameras (%d and %d): no true match is filtered away",
                ", ".join(f"{count:,} {split} images" for split, count in unknown.items()),
                len(self.cameras),
                len(self.cameras) + 1,
            )

    def _check_splits(self, splits: dict[Split, list[Item]]) -> None:
        source = Path(self.root, self.path, self.csv_file).absolute()
        if not any(splits.values()) and self.strict:
            raise DatasetError(f"ImageFolderReID: {source} holds no image. {self.where_to_get}")
        if bool(splits["query"]) != bool(splits["gallery"]) and self.strict:
            there, absent = ("query", "gallery") if splits["query"] else ("gallery", "query")
            raise DatasetError(
                f"ImageFolderReID: {source} has {there} images but no {absent} images: evaluation needs both"
            )
