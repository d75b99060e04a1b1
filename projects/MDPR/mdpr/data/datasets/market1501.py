"""Market-1501, with or without its 500,000 distractors."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from fastreid.data.datasets.market1501 import Market1501 as FastReIDMarket1501

from mdpr.data.datasets.base import ConfigOptions, Item, register
from mdpr.data.datasets.folders import FolderDataset
from mdpr.rules import switch


@register
class Market1501(FolderDataset, FastReIDMarket1501):
    """Market-1501: 751 training and 750 test identities, 6 cameras.

    Images: 12,936 training, 3,368 query, 15,913 gallery. The gallery folder holds 19,732: the 3,819 of
    identity -1 are junk and left out; those of identity 0 are distractors and stay in the gallery.

    Layout: ``Market-1501-v15.09.15/{bounding_box_train,query,bounding_box_test}/0002_c1s1_000451_03.jpg``
    (or, as fast-reid also allows, these folders right under the root), and
    ``Market-1501-v15.09.15/images/`` with the 500,000 distractors, named in the same way.

    Source: Zheng et al., Scalable Person Re-identification: A Benchmark, ICCV 2015.

    Args:
        root: the folder that holds the data set's folder.
        market1501_500k: add the 500,000 distractors to the gallery.
        kwargs: as for the base class.
    """

    dataset_dir = "Market-1501-v15.09.15"
    dataset_name = "market1501"
    where_to_get = "Get it from http://www.liangzheng.org/Project/project_reid.html and unpack it there"
    name_example = "0002_c1s1_000451_03.jpg"
    max_identity = 1501
    num_cameras = 6
    distractor_identities = frozenset({0})
    published_counts: Mapping[str, int] = {"train": 12_936, "query": 3_368, "gallery": 15_913}
    config_options: ClassVar[ConfigOptions] = {"market1501_500k": ("DATASETS.MARKET1501.WITH_500K", switch())}
    _junk_pids: ClassVar[list[int]] = [-1, 0]

    def __init__(
        self, root: str | Path = "datasets", *, market1501_500k: bool = False, **kwargs: Any
    ) -> None:
        self.market1501_500k = market1501_500k
        if market1501_500k:  # the gallery's is stated only as "over 500,000" more
            self.published_counts = {"train": 12_936, "query": 3_368}
        super().__init__(root, **kwargs)

    def data_dir(self) -> Path:
        """Where the data set's folder lies under the root, which it may be itself.

        Raises:
            DatasetError: it is missing.
        """
        return Path() if Path(self.root, "bounding_box_train").is_dir() else super().data_dir()

    def read_splits(self) -> tuple[list[Item], list[Item], list[Item]]:
        """Items of train, query and gallery."""
        train, query, gallery = super().read_splits()
        if self.market1501_500k:
            gallery += self.read_folder(self.data_dir() / "images", "gallery")
        return train, query, gallery
