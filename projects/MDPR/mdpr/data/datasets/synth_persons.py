"""SynthPersons as a fast-reid data set; what draws it is the package `synth_persons`."""

import re
from pathlib import Path
from typing import Any

from fastreid.data.datasets import DATASET_REGISTRY
from fastreid.data.datasets.bases import ImageDataset
from synth_persons.cache import IncompleteSetError, ensure_set
from synth_persons.layout import DISTRACTOR, GALLERY, JUNK, QUERY, TRAIN
from synth_persons.spec import SynthPersonsSpec

from mdpr.errors import DatasetError

TrainItem = tuple[str, str, str]
TestItem = tuple[str, int, int]

_NAME = re.compile(r"(-1|\d{4})_c(\d)s\d_\d{6}_\d{2}\.jpg")


@DATASET_REGISTRY.register()
class SynthPersons(ImageDataset):
    """People drawn by this project, so that everything runs without any download.

    Dataset statistics:
        - identities: 72 (train) + 72 (test), 6 cameras.
        - images: 864 (train) + 216 (query) + 984 (gallery, of which 120 are distractors).
        - the folder also holds 60 junk images of the gallery, which are left out.

    Args:
        root: Folder of all data sets. The images are drawn into a folder of it on first use.
        kwargs: Passed on to fast-reid's `ImageDataset`.

    Raises:
        DatasetError: If the set's folder exists but is not complete.
        OSError: If the set cannot be written.
    """

    _junk_pids = (JUNK, DISTRACTOR)
    dataset_name = "synthpersons"
    spec = SynthPersonsSpec()  # a subclass with another one is another set

    def __init__(self, root: str = "datasets", **kwargs: Any) -> None:
        try:
            folder = ensure_set(root, self.spec)
        except IncompleteSetError as error:
            raise DatasetError(str(error)) from error
        train = [
            (path, f"{self.dataset_name}_{pid}", f"{self.dataset_name}_{camera}")
            for path, pid, camera in _read(folder / TRAIN)
        ]
        super().__init__(train, _read(folder / QUERY), _read(folder / GALLERY), **kwargs)


def _read(folder: Path) -> list[TestItem]:
    """Return (path, identity, camera from 0) of the images in `folder`, sorted by name."""
    items = []
    for path in sorted(folder.glob("*.jpg")):
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise DatasetError(f"{path} is not a file of SynthPersons; move it elsewhere.")
        identity, camera = int(match[1]), int(match[2])
        if identity != JUNK:
            items.append((str(path), identity, camera - 1))
    return items
