"""Diversity: attention maps should pool different things."""

from itertools import combinations

import torch
from torch import Tensor
from torch.nn import functional as F

from mdpr.modeling.losses.registry import LOSS_REGISTRY
from mdpr.modeling.precision import at_least_float32
from mdpr.modeling.structures import Attention


def diversity_loss(attention: Attention) -> Tensor:
    """Sum over pairs of maps i < j of the batch mean of ``cos(v_i, v_j)``.

    Args:
        attention: of one stage; v (B, M, E) is what each map pooled, before the ReLU.

    Returns:
        Scalar in -M(M-1)/2..M(M-1)/2, float32; 0 with a single map.
    """
    pooled = at_least_float32(attention.pooled)
    cosines = [
        F.cosine_similarity(pooled[:, i], pooled[:, j], dim=1).mean()
        for i, j in combinations(range(pooled.shape[1]), 2)
    ]
    return torch.stack(cosines).sum() if cosines else pooled.sum() * 0


LOSS_REGISTRY.register("diversity", "DiversityLoss")(lambda cfg: diversity_loss)
