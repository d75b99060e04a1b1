"""The losses that a head's output can have, by their names in ``MODEL.LOSSES.NAME``."""

from collections.abc import Callable, Mapping

from fastreid.config import CfgNode
from fastreid.modeling.losses import pairwise_circleloss, pairwise_cosface, triplet_loss
from torch import Tensor

from mdpr.modeling.losses.cross_entropy import smoothed_cross_entropy
from mdpr.modeling.losses.registry import LOSS_REGISTRY
from mdpr.modeling.precision import at_least_float32

HeadOutput = Mapping[str, Tensor]
LossFunction = Callable[[HeadOutput, Tensor], Tensor]


class EmbeddingLosses:
    """The losses that every embedding of the method has, as the config chooses and weights them.

    Args:
        cfg: ``MODEL.LOSSES`` and ``MODEL.MDPR.LOSS_SCALES`` are read.
    """

    CLASSIFICATION = "cls"

    def __init__(self, cfg: CfgNode) -> None:
        built = [LOSS_REGISTRY.get(name, "embedding")(cfg) for name in cfg.MODEL.LOSSES.NAME]
        self._functions: dict[str, LossFunction] = dict(built)
        scales = cfg.MODEL.MDPR.LOSS_SCALES
        self._scales: dict[str, float] = dict(zip(scales[::2], scales[1::2], strict=True))

    def __call__(
        self, name: str, output: HeadOutput, targets: Tensor, classification_only: bool = False
    ) -> dict[str, Tensor]:
        """Losses of one head.

        Args:
            name: the embedding's name in the logs.
            output: what the head returned in training.
            targets: (B,) identities.
            classification_only: leave out every loss on features.

        Returns:
            ``loss_<name>_<suffix>`` to scalar, scaled.
        """
        losses = {
            f"loss_{name}_{suffix}": function(output, targets)
            for suffix, function in self._functions.items()
            if not classification_only or suffix == self.CLASSIFICATION
        }
        if name not in self._scales:
            return losses
        return {term: self._scales[name] * loss for term, loss in losses.items()}


@LOSS_REGISTRY.register("embedding", "CrossEntropyLoss")
def _cross_entropy(cfg: CfgNode) -> tuple[str, LossFunction]:
    node = cfg.MODEL.LOSSES.CE

    def loss(output: HeadOutput, targets: Tensor) -> Tensor:
        return node.SCALE * smoothed_cross_entropy(output["cls_outputs"], targets, node.EPSILON, node.ALPHA)

    return EmbeddingLosses.CLASSIFICATION, loss


@LOSS_REGISTRY.register("embedding", "TripletLoss")
def _triplet(cfg: CfgNode) -> tuple[str, LossFunction]:
    node = cfg.MODEL.LOSSES.TRI

    def loss(output: HeadOutput, targets: Tensor) -> Tensor:
        features = at_least_float32(output["features"])
        return node.SCALE * triplet_loss(features, targets, node.MARGIN, node.NORM_FEAT, node.HARD_MINING)

    return "triplet", loss


@LOSS_REGISTRY.register("embedding", "CircleLoss")
def _circle(cfg: CfgNode) -> tuple[str, LossFunction]:
    return "circle", _pairwise(pairwise_circleloss, cfg.MODEL.LOSSES.CIRCLE)


@LOSS_REGISTRY.register("embedding", "Cosface")
def _cosface(cfg: CfgNode) -> tuple[str, LossFunction]:
    return "cosface", _pairwise(pairwise_cosface, cfg.MODEL.LOSSES.COSFACE)


def _pairwise(function: Callable[..., Tensor], node: CfgNode) -> LossFunction:
    def loss(output: HeadOutput, targets: Tensor) -> Tensor:
        features = at_least_float32(output["features"])
        return node.SCALE * function(features, targets, node.MARGIN, node.GAMMA)

    return loss
