"""Configs for tests: small networks on the CPU."""

from pathlib import Path

import mdpr
from fastreid.config import CfgNode, get_cfg

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "configs"
# Of runs, and what they stand on; the others are of studies.
CONFIG_FILES = sorted(path for path in CONFIGS.rglob("*.yml") if not path.name.endswith("study.yml"))
# Half the network, for tests of what does not depend on it: half the time, half the checkpoint.
ONE_BRANCH = [
    part for key in ("HARD_BRANCH", "FUSION", "DISTILLATION") for part in (f"MODEL.MDPR.{key}", "False")
]


def config(file: str = "Base-MDPR.yml", *options) -> CfgNode:
    """A shipped config on the CPU without pretrained weights, with ``KEY, value, ...`` on top."""
    cfg = get_cfg()
    mdpr.add_mdpr_config(cfg)
    cfg.merge_from_file(str(CONFIGS / file))
    cfg.merge_from_list(["MODEL.DEVICE", "cpu", "MODEL.BACKBONE.PRETRAIN", False, *options])
    return cfg


def tiny_config(*options, file: str = "Base-MDPR.yml") -> CfgNode:
    """ResNet-18, 16-channel embeddings, 64 x 32 images, 4 identities."""
    return config(
        file,
        *("MODEL.BACKBONE.DEPTH", "18x", "MODEL.BACKBONE.FEAT_DIM", 512),
        *("MODEL.MDPR.EMBEDDING_DIM", 16, "MODEL.HEADS.NUM_CLASSES", 4),
        *("INPUT.SIZE_TRAIN", [64, 32], "INPUT.SIZE_TEST", [64, 32]),
        *options,
    )
