"""Training losses (paper, sections 3.2 to 3.4), one idea a file, each in the registry by name."""

from mdpr.modeling.losses.area import attention_area_loss
from mdpr.modeling.losses.build import EmbeddingLosses
from mdpr.modeling.losses.cross_entropy import smoothed_cross_entropy
from mdpr.modeling.losses.distillation import MutualDistillation, mutual_distillation_loss
from mdpr.modeling.losses.diversity import diversity_loss
from mdpr.modeling.losses.registry import LOSS_REGISTRY, AttentionLoss

__all__ = [
    "LOSS_REGISTRY",
    "AttentionLoss",
    "EmbeddingLosses",
    "MutualDistillation",
    "attention_area_loss",
    "diversity_loss",
    "mutual_distillation_loss",
    "smoothed_cross_entropy",
]
