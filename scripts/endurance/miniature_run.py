"""A training that takes seconds: few images, a small network, every augmentation."""

from mdpr_doctor.miniature import CAMERAS, IMAGES, TRAIN_IDENTITIES

__all__ = ["STEPS_PER_EPOCH", "miniature_options"]

BATCH = 12
STEPS_PER_EPOCH = TRAIN_IDENTITIES * CAMERAS * IMAGES // BATCH


def miniature_options(epochs: int) -> list[str]:
    """Options for ``train_net.py``: the training on the images of `mdpr_doctor.miniature`.

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
