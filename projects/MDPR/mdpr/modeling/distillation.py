"""The two predictors of mutual distillation (paper, section 3.4)."""

from fastreid.utils.registry import Registry
from torch import Tensor, nn

from mdpr.modeling.layers import feature_norm
from mdpr.modeling.losses import mutual_distillation_loss

DISTILLATION_REGISTRY = Registry("MDPR_DISTILLATION")
DISTILLATION_REGISTRY.__doc__ = """
What ``MODEL.MDPR.DISTILLATION_NAME`` may be. A registered ``nn.Module`` is made of the width E and the
norm's name, and called with the post-neck features (B, E) of the hard branch's global map and of the
soft branch's stage 4; it returns a scalar, which is scaled and added to the losses.
"""


@DISTILLATION_REGISTRY.register()
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


def _predictor(dim: int, norm: str) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(dim, dim, bias=False), feature_norm(norm, dim), nn.ReLU(), nn.Linear(dim, dim)
    )
