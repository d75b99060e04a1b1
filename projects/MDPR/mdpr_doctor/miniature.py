"""A training set of a few people of SynthPersons, for runs of seconds."""

from pathlib import Path

from PIL import Image
from synth_persons.generate import draw_samples
from synth_persons.spec import SynthPersonsSpec

TRAIN_IDENTITIES = 6
TEST_IDENTITIES = 3
CAMERAS = 2
IMAGES = 4  # of an identity, by a camera


def draw_miniature(root: Path, train_identities: int = TRAIN_IDENTITIES) -> None:
    """Draw it into ``<root>/miniature``, as `ImageFolderReID` reads it.

    Args:
        root: the folder of all data sets.
        train_identities: people to train on; `TEST_IDENTITIES` others are in query and gallery.
    """
    spec = SynthPersonsSpec(height=64, width=32)
    identities = range(1, train_identities + TEST_IDENTITIES + 1)
    for sample in draw_samples(spec, identities, range(1, CAMERAS + 1), IMAGES):
        split = "query" if sample.index == 0 else "gallery"
        split = "train" if sample.identity <= train_identities else split
        folder = root / "miniature" / split / str(sample.identity) / str(sample.camera)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(sample.image).save(folder / f"{sample.index}.jpg", quality=90)
