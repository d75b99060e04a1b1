"""A training that takes seconds: few images, a small network, every augmentation."""

from pathlib import Path

from PIL import Image
from synth_persons.generate import draw_samples
from synth_persons.spec import SynthPersonsSpec

__all__ = ["STEPS_PER_EPOCH", "draw_miniature", "miniature_options"]

TRAIN_IDENTITIES = 6
TEST_IDENTITIES = 3
CAMERAS = 2
IMAGES = 4  # of an identity, by a camera
BATCH = 12
STEPS_PER_EPOCH = TRAIN_IDENTITIES * CAMERAS * IMAGES // BATCH


def draw_miniature(root: Path) -> None:
    """Draw a few people of SynthPersons into ``<root>/miniature``, as `ImageFolderReID` reads them."""
    spec = SynthPersonsSpec(height=64, width=32)
    identities = range(1, TRAIN_IDENTITIES + TEST_IDENTITIES + 1)
    for sample in draw_samples(spec, identities, range(1, CAMERAS + 1), IMAGES):
        split = "query" if sample.index == 0 else "gallery"
        split = "train" if sample.identity <= TRAIN_IDENTITIES else split
        folder = root / "miniature" / split / str(sample.identity) / str(sample.camera)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(sample.image).save(folder / f"{sample.index}.jpg", quality=90)


def miniature_options(epochs: int) -> list[str]:
    """Options for ``train_net.py``: the training on `draw_miniature`'s images.

    Args:
        epochs: how long it is.

    Returns:
        ``KEY VALUE ...``, to go with ``configs/Synthetic/mdpr_R18.yml``.
    """
    name = "('ImageFolderReID',)"
    options = {
        "DATASETS.NAMES": name,
        "DATASETS.TESTS": name,
        "DATASETS.IMAGE_FOLDER.PATH": "miniature",
        "MODEL.MDPR.EMBEDDING_DIM": 16,
        "INPUT.SIZE_TRAIN": "[64,32]",
        "INPUT.SIZE_TEST": "[64,32]",
        "INPUT.REA.ENABLED": True,
        "INPUT.RPT.ENABLED": True,
        "INPUT.CJ.ENABLED": True,
        "INPUT.AUTOAUG.ENABLED": True,
        "SOLVER.AMP.ENABLED": False,
        "SOLVER.IMS_PER_BATCH": BATCH,
        "DATALOADER.NUM_INSTANCE": 4,
        "SOLVER.MAX_EPOCH": epochs,
        "SOLVER.WARMUP_ITERS": STEPS_PER_EPOCH,
        "SOLVER.CHECKPOINT_PERIOD": 1,
        "SOLVER.CHECKPOINT_EVERY_ITERATIONS": 2,
        "TEST.EVAL_PERIOD": 2,
    }
    return [str(part) for pair in options.items() for part in pair]
