"""CUHK03 under the new protocol."""

from pathlib import Path
from typing import Any, ClassVar

from mdpr.data.datasets.base import ConfigOptions, register
from mdpr.data.datasets.folders import FolderDataset
from mdpr.rules import Choice


@register
class CUHK03NP(FolderDataset):
    """CUHK03, new protocol: 767 training and 700 test identities, 2 cameras, no junk, no distractors.

    Images with detected boxes: 7,365 training, 1,400 query, 5,332 gallery; with boxes drawn by hand
    (labeled): 7,368, 1,400, 5,328.

    Layout: ``cuhk03-np/{detected,labeled}/{bounding_box_train,query,bounding_box_test}/0001_c1_1.png``.

    Source: Zhong et al., Re-ranking Person Re-identification with k-reciprocal Encoding, CVPR 2017;
    images: Li et al., DeepReID, CVPR 2014.

    Args:
        root: the folder that holds the data set's folder.
        boxes: "detected" or "labeled".
        kwargs: as for the base class.

    Raises:
        ConfigError: ``boxes`` is something else.
    """

    dataset_dir = "cuhk03-np"
    dataset_name = "cuhk03np"
    where_to_get = "Get CUHK03-NP from https://github.com/zhunzhong07/person-re-ranking and unpack it there"
    name_example = "0001_c1_1.png"
    num_cameras = 2
    suffixes = (".png", ".jpg")
    counts: ClassVar[dict[str, dict[str, int]]] = {
        "detected": {"train": 7_365, "query": 1_400, "gallery": 5_332},
        "labeled": {"train": 7_368, "query": 1_400, "gallery": 5_328},
    }
    config_options: ClassVar[ConfigOptions] = {"boxes": ("DATASETS.CUHK03NP.BOXES", Choice(tuple(counts)))}

    def __init__(self, root: str | Path = "datasets", *, boxes: str = "detected", **kwargs: Any) -> None:
        Choice(tuple(self.counts)).check("boxes", boxes)
        self.boxes = boxes
        self.published_counts = self.counts[boxes]
        super().__init__(root, **kwargs)

    def data_dir(self) -> Path:
        """Where the folder of the chosen boxes lies under the root.

        Raises:
            DatasetError: it is missing.
        """
        place = super().data_dir() / self.boxes
        self.require_folder(place)
        return place
