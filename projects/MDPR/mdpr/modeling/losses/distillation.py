"""Mutual distillation between the branches (paper, section 3.4)."""

from torch import Tensor, nn
from torch.nn import functional as F

from mdpr.modeling.layers import feature_norm
from mdpr.modeling.losses.registry import LOSS_REGISTRY
from mdpr.modeling.precision import at_least_float32


@LOSS_REGISTRY.register("distillation")
class MutualDistillation(nn.Module):
    """Each branch learns to predict the other's feature; see `mutual_distillation_loss`.

    Args:
        embedding_dim: E, length of both features.
        norm: "syncBN" synchronises the predictors' norms over processes.
    """

    def __init__(self, embedding_dim: int, norm: str) -> None:
        super().__init__()
        self.predictor_hard = _predictor(embedding_dim, norm)  # q1
        self.predictor_soft = _predictor(embedding_dim, norm)  # q2

    def forward(self, hard: Tensor, soft: Tensor) -> Tensor:
        """
        Args:
            hard: z1 (B, E) post-neck feature of the global map of the hard branch.
            soft: z2 (B, E) post-neck feature of stage 4 of the soft branch.

        Returns:
            Scalar in -1..1.
        """
        return mutual_distillation_loss(self.predictor_hard(hard), soft, self.predictor_soft(soft), hard)


@LOSS_REGISTRY.register("distillation")
class DistillationToHard(nn.Module):
    """The hard branch learns from the soft one, which learns nothing: ``-1/2 mean cos(q1(z1), sg(z2))``.

    One direction of `MutualDistillation`, for an ablation; scalar in -1/2..1/2.
    """

    def __init__(self, embedding_dim: int, norm: str) -> None:
        super().__init__()
        self.predictor_hard = _predictor(embedding_dim, norm)  # q1

    def forward(self, hard: Tensor, soft: Tensor) -> Tensor:
        """Of z1 and z2, (B, E) each."""
        return -0.5 * _cosine(self.predictor_hard(hard), soft).mean()


@LOSS_REGISTRY.register("distillation")
class DistillationToSoft(nn.Module):
    """The soft branch learns from the hard one, which learns nothing: ``-1/2 mean cos(q2(z2), sg(z1))``.

    The other direction.
    """

    def __init__(self, embedding_dim: int, norm: str) -> None:
        super().__init__()
        self.predictor_soft = _predictor(embedding_dim, norm)  # q2

    def forward(self, hard: Tensor, soft: Tensor) -> Tensor:
        """Of z1 and z2, (B, E) each."""
        return -0.5 * _cosine(self.predictor_soft(soft), hard).mean()


def _predictor(dim: int, norm: str) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(dim, dim, bias=False), feature_norm(norm, dim), nn.ReLU(), nn.Linear(dim, dim)
    )


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
