"""A short form of the test feature, whose beginnings are short forms too; no part of the paper's method.

Source: Matryoshka Representation Learning (Kusupati et al., NeurIPS 2022). B batch, D numbers of the test
feature z, K identities, d_1 < ... < d_n ``MODEL.MDPR.NESTED_DIMS``:

    y = BN(W stop_gradient(z)),  W (d_n, D)
    loss = sum_i  losses(classifier_i(y[:d_i]), targets)

with a classifier (K, d_i) and losses for every beginning as every head of the method has them.
"""

from collections.abc import Sequence

import torch
from fastreid.config import CfgNode
from fastreid.layers import get_norm
from torch import Tensor, nn

from mdpr.modeling.feature_layout import feature_dim
from mdpr.modeling.heads import build_head
from mdpr.modeling.precision import at_least_float32


class NestedProjection(nn.Module):
    """One projection of the test feature, each of whose ``dims`` first numbers is trained by itself.

    It sees detached features: the network below learns nothing from it, and its numbers are those of a
    training without. Everything is computed in float32.

    Args:
        projection: D to dims[-1] numbers.
        norm: of (B, dims[-1], 1, 1).
        classifiers: a head without a norm for every length, by its digits.
        tested: the length that comes out in eval; 0 leaves test features as they are.
    """

    def __init__(
        self,
        projection: nn.Linear,
        norm: nn.Module,
        classifiers: nn.ModuleDict,
        tested: int = 0,
    ) -> None:
        super().__init__()
        self.projection = projection
        self.norm = norm
        self.classifiers = classifiers
        self.tested = tested

    def forward(self, features: Tensor) -> Tensor:
        """(B, D) test features to the (B, d) that are tested, un-normalised."""
        return self.project(features)[:, : self.tested] if self.tested else features

    def project(self, features: Tensor) -> Tensor:
        """(B, D) test features to (B, dims[-1]) float32."""
        with torch.autocast(device_type=features.device.type, enabled=False):
            return self.norm(self.projection(at_least_float32(features))[..., None, None])[..., 0, 0]

    def training_outputs(self, features: Sequence[Tensor], targets: Tensor) -> dict[str, dict[str, Tensor]]:
        """Outputs of the classifiers, for the losses that every head has.

        Args:
            features: of the method's heads, (B, .) each, in the order of the test feature.
            targets: (B,) identities.

        Returns:
            ``nested_<d>`` to what a head returns in training.
        """
        projected = self.project(torch.cat(list(features), dim=1).detach())
        return {
            f"nested_{length}": classifier(projected[:, : int(length), None, None], targets)
            for length, classifier in self.classifiers.items()
        }


def build_nested(cfg: CfgNode) -> NestedProjection:
    """Build the projection; the method's weights and all that comes after are drawn as without it."""
    dims = cfg.MODEL.MDPR.NESTED_DIMS
    with torch.random.fork_rng(devices=[]):
        projection = nn.Linear(feature_dim(cfg.MODEL.MDPR), dims[-1], bias=False)
        nn.init.orthogonal_(projection.weight)  # distances, where nothing is known yet
        norm = get_norm(cfg.MODEL.HEADS.NORM, dims[-1], bias_freeze=True)
        classifiers = {str(length): build_head(cfg, length, pooled=True, normed=False) for length in dims}
    return NestedProjection(projection, norm, nn.ModuleDict(classifiers), cfg.TEST.MDPR.NESTED_DIM)
