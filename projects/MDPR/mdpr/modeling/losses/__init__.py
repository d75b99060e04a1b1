"""Training losses (paper, sections 3.2 to 3.4): pure functions of tensors, one idea a file."""

from mdpr.modeling.losses.area import attention_area_loss
from mdpr.modeling.losses.auxiliary import AUXILIARY_LOSS_REGISTRY
from mdpr.modeling.losses.build import EMBEDDING_LOSS_REGISTRY, EmbeddingLosses
from mdpr.modeling.losses.cross_entropy import smoothed_cross_entropy
from mdpr.modeling.losses.distillation import mutual_distillation_loss
from mdpr.modeling.losses.diversity import diversity_loss

__all__ = [
    "AUXILIARY_LOSS_REGISTRY",
    "EMBEDDING_LOSS_REGISTRY",
    "EmbeddingLosses",
    "attention_area_loss",
    "diversity_loss",
    "mutual_distillation_loss",
    "smoothed_cross_entropy",
]
