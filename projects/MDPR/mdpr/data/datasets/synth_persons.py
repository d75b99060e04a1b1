"""SynthPersons as a fast-reid data set; what draws it is the package `synth_persons`."""

from pathlib import Path
from typing import ClassVar

from synth_persons.cache import IncompleteSetError, ensure_set
from synth_persons.layout import DISTRACTOR, JUNK
from synth_persons.sets import SYNTH_PERSONS, SYNTH_PERSONS_XL, SYNTH_PERSONS_XL_OTHER

from mdpr.data.datasets.base import register
from mdpr.data.datasets.folders import FolderDataset
from mdpr.errors import DatasetError


@register
class SynthPersons(FolderDataset):
    """People drawn by this project, so that everything runs without any download.

    Dataset statistics:
        - identities: 72 (train) + 72 (test), 6 cameras.
        - images: 864 (train) + 216 (query) + 984 (gallery, of which 120 are distractors).
        - the folder also holds 60 junk images of the gallery, which are left out.

    The images are drawn into a folder of the root on first use.
    """

    dataset_name = "synthpersons"
    spec = SYNTH_PERSONS  # a subclass with another one is another set
    where_to_get = "Move its folder away and the set will be drawn again"
    name_example = "0001_c1s1_000001_00.jpg"
    num_cameras = 9  # as many as one digit counts
    distractor_identities = frozenset({DISTRACTOR})
    _junk_pids: ClassVar[list[int]] = [JUNK, DISTRACTOR]

    def data_dir(self) -> Path:
        """Where the set's folder lies under the root; it is drawn where it is missing.

        Raises:
            DatasetError: the folder is there, but not complete.
            OSError: the set cannot be written.
        """
        try:
            return Path(ensure_set(self.root, self.spec).name)
        except IncompleteSetError as error:
            raise DatasetError(str(error)) from error


@register
class SynthPersonsXL(SynthPersons):
    """A larger and harder SynthPersons, on which a difference of 1 mAP is more than chance.

    Dataset statistics:
        - identities: 240 (train) + 640 (test), 8 cameras.
        - images: 3840 (train) + 3200 (query) + 5600 (gallery, of which 480 are distractors).
        - the folder also holds 160 junk images of the gallery, which are left out.
    """

    dataset_name = "synthpersonsxl"
    spec = SYNTH_PERSONS_XL


@register
class SynthPersonsXLOther(SynthPersons):
    """The twin of SynthPersonsXL out of its domain: other people, clothes, cameras and surroundings.

    Dataset statistics:
        - identities: 16 (train) + 640 (test), 8 cameras.
        - images: 256 (train) + 3200 (query) + 5600 (gallery, of which 480 are distractors).
        - the folder also holds 160 junk images of the gallery, which are left out.
    """

    dataset_name = "synthpersonsxlother"
    spec = SYNTH_PERSONS_XL_OTHER
