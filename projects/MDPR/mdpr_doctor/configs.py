"""Configs of the checks, as options on fast-reid's defaults: an installed package has no ``configs/``.

`RECIPE` and `DEMO` are ``configs/Base-MDPR.yml`` and ``configs/Synthetic/mdpr_R18.yml``
(``tests/doctor/test_configs.py`` holds them to it), but for the pretrained backbone and the device.
"""

from collections.abc import Mapping
from typing import Any

Options = Mapping[str, Any]

RECIPE: Options = {
    "MODEL.META_ARCHITECTURE": "MDPR",
    "MODEL.HEADS.NAME": "MDPRHead",
    "MODEL.HEADS.WITH_BNNECK": True,
    "MODEL.HEADS.POOL_LAYER": "GeneralizedMeanPoolingP",
    "MODEL.HEADS.NECK_FEAT": "after",
    "MODEL.HEADS.CLS_LAYER": "CircleSoftmax",
    "MODEL.HEADS.SCALE": 64,
    "MODEL.HEADS.MARGIN": 0.35,
    "MODEL.LOSSES.NAME": ("CrossEntropyLoss", "TripletLoss"),
    "MODEL.LOSSES.CE.EPSILON": 0.1,
    "MODEL.LOSSES.TRI.MARGIN": 0.05,
    "MODEL.LOSSES.TRI.HARD_MINING": True,
    "INPUT.SIZE_TRAIN": [384, 192],
    "INPUT.SIZE_TEST": [384, 192],
    "INPUT.FLIP.ENABLED": True,
    "INPUT.PADDING.ENABLED": True,
    "INPUT.REA.ENABLED": True,
    "INPUT.RPT.ENABLED": True,
    "DATALOADER.SAMPLER_TRAIN": "NaiveIdentitySampler",
    "DATALOADER.NUM_INSTANCE": 16,
    "SOLVER.AMP.ENABLED": True,
    "SOLVER.MAX_EPOCH": 60,
    "SOLVER.BASE_LR": 0.00035,
    "SOLVER.SCHED": "CosineAnnealingLR",
    "SOLVER.WARMUP_ITERS": 2000,
    "SOLVER.CHECKPOINT_PERIOD": 10,
    "TEST.EVAL_PERIOD": 10,
    "TEST.IMS_PER_BATCH": 128,
    "CUDNN_BENCHMARK": True,
}
_SMALL: Options = {**RECIPE, "MODEL.BACKBONE.DEPTH": "18x", "MODEL.BACKBONE.FEAT_DIM": 512}
DEMO: Options = {
    **_SMALL,
    "MODEL.MDPR.EMBEDDING_DIM": 128,
    "DATASETS.NAMES": ("SynthPersons",),
    "DATASETS.TESTS": ("SynthPersons",),
    "INPUT.SIZE_TRAIN": [128, 64],
    "INPUT.SIZE_TEST": [128, 64],
    "INPUT.PADDING.SIZE": 7,
    "INPUT.REA.ENABLED": False,
    "INPUT.RPT.ENABLED": False,
    "DATALOADER.NUM_INSTANCE": 4,
    "DATALOADER.NUM_WORKERS": 1,
    "SOLVER.AMP.DTYPE": "bf16",
    "SOLVER.MAX_EPOCH": 34,
    "SOLVER.BASE_LR": 0.001,
    "SOLVER.IMS_PER_BATCH": 32,
    "SOLVER.WARMUP_ITERS": 50,
    "SOLVER.CHECKPOINT_PERIOD": 17,
    "TEST.EVAL_PERIOD": 34,
}
MINIATURE: Options = {
    **_SMALL,
    "MODEL.MDPR.EMBEDDING_DIM": 16,
    "INPUT.SIZE_TRAIN": [64, 32],
    "INPUT.SIZE_TEST": [64, 32],
}
"""The whole method, small."""
RUN: Options = {
    **MINIATURE,
    "DATASETS.NAMES": ("ImageFolderReID",),
    "DATASETS.TESTS": ("ImageFolderReID",),
    "DATASETS.IMAGE_FOLDER.PATH": "miniature",
    "DATALOADER.NUM_INSTANCE": 4,
    "DATALOADER.NUM_WORKERS": 1,
    "SOLVER.AMP.ENABLED": False,
    "SOLVER.IMS_PER_BATCH": 8,
    "SOLVER.MAX_EPOCH": 1,
    "SOLVER.WARMUP_ITERS": 4,
    "SOLVER.CHECKPOINT_EVERY_ITERATIONS": 2,
    "SOLVER.CHECKPOINT_KEEP": 1,
    "TEST.EVAL_PERIOD": 1,
    "CUDNN_BENCHMARK": False,
}
"""An epoch of six steps on `mdpr_doctor.miniature`."""


def options(*layers: Options) -> list[str]:
    """``KEY VALUE ...`` of layers, the later ones on top."""
    merged: dict[str, Any] = {}
    for layer in layers:
        merged |= layer
    return [str(part) for pair in merged.items() for part in pair]
