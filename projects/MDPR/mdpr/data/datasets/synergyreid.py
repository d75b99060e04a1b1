"""SynergyReID: basketball players, with a challenge set whose identities are kept secret."""

import re
from pathlib import Path
from typing import Any, ClassVar

from mdpr.data.datasets.base import ConfigOptions, Item, Split, register
from mdpr.data.datasets.folders import FolderDataset
from mdpr.rules import switch

UNKNOWN_IDENTITY = -1
CAMERAS = {"train": 0, "query": 0, "gallery": 1}


@register
class SynergyReID(FolderDataset):
    """SynergyReID: players of basketball games, seen by moving broadcast cameras.

    Cameras are not known: training and query images get camera 0, gallery images camera 1, so that no
    true match is filtered away. There is no junk. Training and test identities are numbered apart: one
    number in both need not be one player.

    Layout: ``synergyreid_data/{reid_training, reid_test/{query,gallery},
    reid_challenge/{query,gallery}}/PID_SEQ...jpeg``. Challenge file names carry no identity.

    Source: Van Zandycke et al., DeepSportradar-v1: Computer Vision Dataset for Sports Understanding with
    High Quality Annotations, MMSports 2022, and the data set's own page.

    Args:
        root: the folder that holds the data set's folder.
        challenge: take query and gallery from the challenge set. All their identities are then
            `UNKNOWN_IDENTITY` and `has_identities` is False: a ranking can be written, but no score.
        kwargs: as for the base class.
    """

    dataset_dir = "synergyreid_data"
    dataset_name = "synergyreid"
    where_to_get = (
        "Get it from https://github.com/DeepSportRadar/player-reidentification-challenge and unpack it there"
    )
    name_pattern = re.compile(r"(\d+)_")
    name_example = "0001_0002_0003.jpeg"
    suffixes = (".jpeg", ".jpg")
    numbered_across_splits = False
    config_options: ClassVar[ConfigOptions] = {"challenge": ("DATASETS.SYNERGYREID.CHALLENGE", switch())}

    def __init__(self, root: str | Path = "datasets", *, challenge: bool = False, **kwargs: Any) -> None:
        self.challenge = challenge
        self.has_identities = not challenge
        super().__init__(root, **kwargs)

    def read_splits(self) -> tuple[list[Item], list[Item], list[Item]]:
        """Items of train, query and gallery."""
        data_dir = self.data_dir()
        test = data_dir / ("reid_challenge" if self.challenge else "reid_test")
        return (
            self.read_folder(data_dir / "reid_training", "train"),
            self.read_folder(test / "query", "query"),
            self.read_folder(test / "gallery", "gallery"),
        )

    def numbers(self, path: Path, split: Split) -> tuple[int, int]:
        """Identity and camera of an image.

        Raises:
            ValueError: the file name does not say.
        """
        if self.challenge and split != "train":
            return UNKNOWN_IDENTITY, CAMERAS[split]
        return super().numbers(path, split)[0], CAMERAS[split]

    def is_left_out(self, identity: int, split: Split) -> bool:
        """Nothing is left out: here -1 stands for a secret identity, not for junk."""
        return False
