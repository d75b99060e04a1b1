"""MSMT17, in the version that is asked for."""

from pathlib import Path
from typing import Any, ClassVar

from fastreid.data.datasets import msmt17 as fastreid_msmt17

from mdpr.data.datasets.base import CheckedDataset, ConfigOptions, Item, Split, register
from mdpr.rules import Choice, switch

CAMERAS = 15
TRAINING_IDENTITIES = 1041  # test identities are numbered from 0 again, and counted on from here
LINE_EXAMPLE = "0000/0000_000_01_0303morning_0008_0.jpg 0"
# Folders of the training and of the test images.
VERSIONS = {"V1": ("train", "test"), "V2": ("mask_train_v2", "mask_test_v2")}


@register
class MSMT17(CheckedDataset, fastreid_msmt17.MSMT17):
    """MSMT17: 4,101 identities (1,041 training, 3,060 test), 15 cameras, no junk, no distractors.

    Images: 32,621 training, 11,659 query, 82,161 gallery. The training images come in two lists,
    ``list_train.txt`` (30,248) and ``list_val.txt`` (2,373), of the same identities. As in fast-reid the
    first alone is trained on, unless ``with_validation`` (or ``combineall``) adds the second.

    Layout: ``MSMT17_V1/{train,test}`` or ``MSMT17_V2/{mask_train_v2,mask_test_v2}`` (faces blurred), and
    beside them ``list_{train,val,query,gallery}.txt`` with lines like
    ``0000/0000_000_01_0303morning_0008_0.jpg 0`` (path, identity; the third number is the camera).

    Source: Wei et al., Person Transfer GAN to Bridge Domain Gap for Person Re-Identification, CVPR 2018.

    Args:
        root: the folder that holds the data set's folder.
        version: "V1" or "V2".
        with_validation: train on the images of ``list_val.txt`` too.
        kwargs: as for the base class.

    Raises:
        ConfigError: ``version`` is something else.
    """

    dataset_name = "msmt17"
    where_to_get = (
        "Its authors send it on request: http://www.pkuvmc.com/publications/msmt17.html. The version is "
        "chosen by DATASETS.MSMT17.VERSION"
    )
    config_options: ClassVar[ConfigOptions] = {
        "version": ("DATASETS.MSMT17.VERSION", Choice(tuple(VERSIONS))),
        "with_validation": ("DATASETS.MSMT17.WITH_VALIDATION", switch()),
    }

    def __init__(
        self,
        root: str | Path = "datasets",
        *,
        version: str = "V1",
        with_validation: bool = False,
        **kwargs: Any,
    ) -> None:
        Choice(tuple(VERSIONS)).check("version", version)
        self.version = version
        self.with_validation = with_validation or bool(kwargs.get("combineall"))
        train = 32_621 if self.with_validation else 30_248
        self.published_counts = {"train": train, "query": 11_659, "gallery": 82_161}
        super().__init__(root, **kwargs)

    def read_splits(self) -> tuple[list[Item], list[Item], list[Item]]:
        """Items of train, query and gallery."""
        top = f"MSMT17_{self.version}"
        self.require_folder(top)
        train_folder, test_folder = (Path(top, name) for name in VERSIONS[self.version])
        train = self._read_list(train_folder, "list_train.txt", "train")
        if self.with_validation:
            train += self._read_list(train_folder, "list_val.txt", "train")
        return (
            train,
            self._read_list(test_folder, "list_query.txt", "query"),
            self._read_list(test_folder, "list_gallery.txt", "gallery"),
        )

    def _read_list(self, place: Path, list_name: str, split: Split) -> list[Item]:
        folder = self.require_folder(place)
        list_path = folder.with_name(list_name)
        if not list_path.is_file():
            raise self.missing(list_path)
        items = []
        for number, line in enumerate(list_path.read_text(encoding="utf-8").splitlines(), start=1):
            if not line.strip():
                continue
            try:
                name, identity, camera = _parse(line)
            except ValueError as error:
                where = f"{list_path}, line {number}, {line!r}"
                self.naming_problem(where, str(error), f"a line like {LINE_EXAMPLE!r}")
                continue
            if not self.is_left_out(identity, split):
                shift = 0 if split == "train" else TRAINING_IDENTITIES
                items.append(self.item(folder / name, identity + shift, camera, split))
        return items


def _parse(line: str) -> tuple[str, int, int]:
    name, _, identity = line.strip().rpartition(" ")
    parts = name.rpartition("/")[2].split("_")
    if len(parts) < 3 or not parts[2].isdecimal():
        raise ValueError("the third part of the file name is not a camera number")
    camera = int(parts[2])
    if not 1 <= camera <= CAMERAS:
        raise ValueError(f"camera {camera} is not between 1 and {CAMERAS}")
    if not identity.lstrip("-").isdecimal():
        raise ValueError(f"identity {identity!r} is not a whole number")
    return name, int(identity), camera - 1
