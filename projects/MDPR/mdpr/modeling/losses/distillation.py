"""Mutual distillation between the branches (paper, section 3.4)."""

from torch import Tensor
from torch.nn import functional as F

from mdpr.modeling.precision import at_least_float32


def mutual_distillation_loss(
    predicted_from_hard: Tensor, soft: Tensor, predicted_from_soft: Tensor, hard: Tensor
) -> Tensor:
    """Symmetric negative cosine similarity: each branch predicts the other, which stands still.

    ``-1/2 [ mean cos(predicted_from_hard, sg(soft)) + mean cos(predicted_from_soft, sg(hard)) ]``

    Args:
        predicted_from_hard: (B, E) prediction q1 made from the hard branch's feature.
        soft: (B, E) the soft branch's feature; no gradient flows into it (stop-gradient).
        predicted_from_soft: (B, E) prediction q2 made from the soft branch's feature.
        hard: (B, E) the hard branch's feature; no gradient flows into it (stop-gradient).

    Returns:
        Scalar in -1..1, float32; it falls below 0 as the branches come to agree.
    """
    agreement = _cosine(predicted_from_hard, soft)
    agreement = agreement + _cosine(predicted_from_soft, hard)
    return -0.5 * agreement.mean()


def _cosine(prediction: Tensor, target: Tensor) -> Tensor:
    return F.cosine_similarity(at_least_float32(prediction), at_least_float32(target.detach()), dim=1)
