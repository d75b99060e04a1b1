"""What this project adds to fast-reid's config: ``MODEL.MDPR``, and keys in fast-reid's own nodes."""

from fastreid.config import CfgNode

from mdpr.data.options import add_dataset_config
from mdpr.engine.checkpointing import add_checkpoint_config

__all__ = ["add_mdpr_config"]


def add_mdpr_config(cfg: CfgNode) -> None:
    """Add ``MODEL.MDPR``, ``SEED``, and this project's keys of training and data, with defaults.

    Args:
        cfg: what ``fastreid.config.get_cfg()`` returns; changed in place.
    """
    node = CfgNode()
    # Width E of every embedding, in channels, > 0.
    node.EMBEDDING_DIM = 512
    # Stripes P that the hard content branch cuts the feature map into, >= 1, and no more than the
    # rows of the feature map allow (paper: 2).
    node.NUM_PARTS = 2
    # Foreground attention maps M of the soft content branch, >= 1 (paper: 2).
    node.NUM_ATTENTIONS = 2
    # Whether attention at stage 4 guides attention at stage 3.
    node.GUIDED_ATTENTION = True
    # The hard content branch (uniform horizontal partition).
    node.HARD_BRANCH = True
    # The soft content branch (attention). At least one branch must be on.
    node.SOFT_BRANCH = True
    # Fusion of the feature maps of both branches; needs both, and MODEL.BACKBONE.LAST_STRIDE 1.
    node.FUSION = True
    # Mutual distillation between the branches; needs both.
    node.DISTILLATION = True
    # Weights of the auxiliary terms, >= 0. 0 switches a term off and computes nothing for it.
    node.DISTILLATION_SCALE = 1.0
    node.DIVERSITY_SCALE = 1.0
    node.AREA_SCALE = 0.001
    cfg.MODEL.MDPR = node

    # Number format of SOLVER.AMP: "fp16" (GPUs, with gradient scaling) or "bf16" (GPUs and CPUs).
    cfg.SOLVER.AMP.DTYPE = "fp16"

    # Seed of weights, sampling and augmentation.
    cfg.SEED = 0

    add_checkpoint_config(cfg)
    add_dataset_config(cfg)
