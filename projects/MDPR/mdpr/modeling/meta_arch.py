"""MDPR, the whole network (paper, section 3), registered with fast-reid.

B batch, E embedding width, P parts, K identities. Names of embeddings and of loss terms are those of
the authors' logs, so that runs can be compared line by line.
"""

from collections.abc import Sequence
from typing import Any

import torch
from fastreid.config import CfgNode, configurable
from fastreid.modeling.backbones import build_backbone
from fastreid.modeling.losses import log_accuracy
from fastreid.modeling.meta_arch import META_ARCH_REGISTRY
from torch import Tensor, nn

from mdpr.modeling.backbone import copy_stages, shared_stem
from mdpr.modeling.branches import HardContentBranch, OneStageSoftBranch, SoftContentBranch
from mdpr.modeling.feature_layout import (
    POOLED_EMBEDDING,
    embedding_widths,
    pooled_embeddings,
    tested_embeddings,
)
from mdpr.modeling.fusion import FeatureFusion
from mdpr.modeling.heads import build_head
from mdpr.modeling.losses import LOSS_REGISTRY, AttentionLoss, EmbeddingLosses
from mdpr.modeling.nested import NestedProjection, build_nested
from mdpr.modeling.preprocessing import images_of, normalize_pixels
from mdpr.modeling.settings import MDPRSettings
from mdpr.modeling.structures import Attention, SoftFeatures


@META_ARCH_REGISTRY.register()
class MDPR(nn.Module):
    """Mutual Distillation Learning for Person Re-identification (arXiv 2401.06430).

    In training, takes fast-reid's batch dict (``images`` (B, 3, H, W) RGB in 0..255, ``targets``
    (B,) identities in 0..K-1) and returns a dict of scalar losses whose sum is the total. In eval,
    takes the dict or the images alone and returns un-normalised features, (B, E(3+P) + 4E) with both
    branches and fusion, less what `tested` leaves out. Inputs are never changed.

    Args:
        backbone: the shared stem.
        hard_branch: the hard content branch, or None.
        soft_branch: the soft content branch, or None.
        fusion: fusion of both branches, or None.
        distillation: mutual distillation between the branches, or None.
        diversity: loss of the attention of one stage, for maps that pool the same.
        area: loss of the attention of one stage, for much foreground.
        heads: a head for every embedding, in the order of the test feature.
        embedding_losses: losses of one head's output.
        auxiliary_losses: further terms by name; see `LossRegistry`.
        settings: the method's settings.
        pixel_mean: per channel, in 0..255.
        pixel_std: per channel, in 0..255.
        tested: names of the heads whose features are the test feature, in its order.
        nested: the short form of the test feature, or None.
        test_size: height and width of test images, for whoever prepares them; None where that is not known.
    """

    pixel_mean: Tensor
    pixel_std: Tensor

    @configurable
    def __init__(
        self,
        *,
        backbone: nn.Module,
        hard_branch: HardContentBranch | None,
        soft_branch: SoftContentBranch | OneStageSoftBranch | None,
        fusion: FeatureFusion | None,
        distillation: nn.Module | None,
        diversity: AttentionLoss,
        area: AttentionLoss,
        heads: nn.ModuleDict,
        embedding_losses: EmbeddingLosses,
        auxiliary_losses: nn.ModuleDict,
        settings: MDPRSettings,
        pixel_mean: list[float],
        pixel_std: list[float],
        tested: Sequence[str],
        nested: NestedProjection | None = None,
        test_size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.hard_branch = hard_branch
        self.soft_branch = soft_branch
        self.fusion = fusion
        self.distillation = distillation
        self.diversity = diversity
        self.area = area
        self.heads = heads
        self.embedding_losses = embedding_losses
        self.auxiliary_losses = auxiliary_losses
        self.tested = tested
        self.nested: Any = nested
        self.settings = settings
        self.test_size = test_size
        for name, values in (("pixel_mean", pixel_mean), ("pixel_std", pixel_std)):
            self.register_buffer(name, torch.tensor(values).view(1, -1, 1, 1), persistent=False)

    @classmethod
    def from_config(cls, cfg: CfgNode) -> dict[str, Any]:
        """Arguments of the constructor from a full config.

        Raises:
            ValueError: a setting the method cannot work with; see `MDPRSettings.from_config`.
        """
        settings = MDPRSettings.from_config(cfg)
        resnet = build_backbone(cfg)
        width, norm = settings.embedding_dim, cfg.MODEL.BACKBONE.NORM
        channels4 = cfg.MODEL.BACKBONE.FEAT_DIM
        hard = soft = None
        if settings.hard_branch:
            hard = HardContentBranch(
                *copy_stages(resnet),
                channels4=channels4,
                embedding_dim=width,
                num_parts=settings.num_parts,
                norm=norm,
            )
        if settings.soft_branch:
            soft = _build_soft_branch(settings, *copy_stages(resnet), channels4, norm)
        return {
            "backbone": shared_stem(resnet),
            "hard_branch": hard,
            "soft_branch": soft,
            "fusion": FeatureFusion(width, norm, len(settings.soft_stages)) if settings.fusion else None,
            "distillation": _build_distillation(settings, norm),
            "diversity": LOSS_REGISTRY.get(settings.diversity_name, "diversity")(cfg),
            "area": LOSS_REGISTRY.get(settings.area_name, "area")(cfg),
            "heads": _build_heads(cfg, settings),
            "embedding_losses": EmbeddingLosses(cfg),
            "auxiliary_losses": nn.ModuleDict(
                {name: LOSS_REGISTRY.get(name, "auxiliary")(cfg) for name in settings.auxiliary_losses}
            ),
            "tested": tested_embeddings(cfg),
            "nested": build_nested(cfg) if settings.nested_dims else None,
            "settings": settings,
            "pixel_mean": cfg.MODEL.PIXEL_MEAN,
            "pixel_std": cfg.MODEL.PIXEL_STD,
            "test_size": tuple(cfg.INPUT.SIZE_TEST),
        }

    @property
    def device(self) -> torch.device:
        """Where the model's parameters lie."""
        return self.pixel_mean.device

    def forward(self, batched_inputs: dict[str, Any] | Tensor) -> dict[str, Tensor] | Tensor:
        """Losses in training, features in eval; see the class.

        Raises:
            TypeError: the input is neither a batch dict nor a tensor.
            KeyError: the batch has no images, or no targets in training.
            ValueError: a training batch of a single image, of which batch norm has no statistics.
        """
        images = normalize_pixels(images_of(batched_inputs), self.pixel_mean, self.pixel_std)
        if not self.training:
            return self.embed(images)
        return self._losses(images, self._targets_of(batched_inputs, images.shape[0]))

    def embed(self, images: Tensor) -> Tensor:
        """Test features in eval mode.

        Args:
            images: (B, 3, H, W), pixels normalised.

        Returns:
            (B, D), un-normalised.
        """
        maps, _ = self.feature_maps(images)
        features = torch.cat([self.heads[name](maps[name]) for name in self.tested], dim=1)
        return features if self.nested is None else self.nested(features)

    def _targets_of(self, batched_inputs: dict[str, Any] | Tensor, batch_size: int) -> Tensor:
        if isinstance(batched_inputs, Tensor) or "targets" not in batched_inputs:
            raise KeyError("a training batch needs 'targets': the identity of each image")
        if batch_size < 2:
            raise ValueError(
                f"a training batch of {batch_size} image: batch norm needs 2 or more per process; "
                "raise SOLVER.IMS_PER_BATCH"
            )
        targets = batched_inputs["targets"].to(self.device)
        # fast-reid marks batches that only refresh batch-norm statistics by negative targets.
        return targets * (targets.sum() >= 0)

    def feature_maps(self, images: Tensor) -> tuple[dict[str, Tensor], SoftFeatures | None]:
        """Maps by embedding name, in the order of the test feature; and the soft branch's features."""
        shared = self.backbone(images)
        maps: dict[str, Tensor] = {}
        hard = self.hard_branch(shared) if self.hard_branch is not None else None
        soft = self.soft_branch(shared) if self.soft_branch is not None else None
        if hard is not None:
            maps["hard_global"] = hard.global_map
            maps |= {f"hard_part_{i}": part for i, part in enumerate(hard.part_maps)}
        if soft is not None:
            maps |= {f"attn_feature{stage}": x for stage, x in soft.maps.items()}
        if self.fusion is not None:
            maps["fusion"] = self.fusion(hard, soft)
        return maps, soft

    def _losses(self, images: Tensor, targets: Tensor) -> dict[str, Tensor]:
        maps, soft = self.feature_maps(images)
        outputs = {name: self.heads[name](x, targets) for name, x in maps.items()}
        losses: dict[str, Tensor] = {}
        for name, output in outputs.items():
            losses |= self.embedding_losses(name, output, targets)
        if soft is not None:
            for stage, attention in soft.attentions.items():
                losses |= self._attention_losses(stage, attention, targets)
        if self.distillation is not None:
            hard_feature = outputs["hard_global"]["features"]
            soft_feature = outputs[f"attn_feature{max(self.settings.soft_stages)}"]["features"]
            losses["loss_mutual_distillation"] = self.settings.distillation_scale * self.distillation(
                hard_feature, soft_feature
            )
        for name, term in self.auxiliary_losses.items():
            losses[f"loss_{name}"] = term(outputs, targets)
        if self.nested is not None:
            features = [output["features"] for output in outputs.values()]
            for name, short in self.nested.training_outputs(features, targets).items():
                losses |= self.embedding_losses(name, short, targets)
        # The last map is the one closest to what is tested.
        log_accuracy(output["pred_class_logits"].detach(), targets)
        return losses

    def _attention_losses(self, stage: int, attention: Attention, targets: Tensor) -> dict[str, Tensor]:
        name = POOLED_EMBEDDING.format(stage)
        pooled = torch.relu(attention.pooled).flatten(1)[..., None, None]
        output = self.heads[name](pooled, targets)
        losses = self.embedding_losses(name, output, targets, classification_only=True)
        settings = self.settings
        if settings.diversity_scale > 0 and settings.num_attentions > 1:
            losses[f"loss_diversity_loss_{stage}"] = settings.diversity_scale * self.diversity(attention)
        if settings.area_scale > 0:
            losses[f"loss_diversity_loss_reg_{stage}"] = settings.area_scale * self.area(attention)
        return losses


def _build_distillation(settings: MDPRSettings, norm: str) -> nn.Module | None:
    if not settings.distills:
        return None
    return LOSS_REGISTRY.get(settings.distillation_name, "distillation")(settings.embedding_dim, norm)


def _build_soft_branch(
    settings: MDPRSettings, layer3: nn.Module, layer4: nn.Module, channels4: int, norm: str
) -> SoftContentBranch | OneStageSoftBranch:
    common: dict[str, Any] = {
        "channels4": channels4,
        "embedding_dim": settings.embedding_dim,
        "num_attentions": settings.num_attentions,
        "norm": norm,
    }
    if len(settings.soft_stages) == 1:
        return OneStageSoftBranch(layer3, layer4, stage=settings.soft_stages[0], **common)
    return SoftContentBranch(layer3, layer4, guided=settings.guided_attention, **common)


def _build_heads(cfg: CfgNode, settings: MDPRSettings) -> nn.ModuleDict:
    """A head per embedding, by name, in the order of the test feature; those behind them are not tested."""
    heads = {name: build_head(cfg, width) for name, width in embedding_widths(cfg.MODEL.MDPR).items()}
    pooled = settings.num_attentions * settings.embedding_dim
    heads |= {
        name: build_head(cfg, pooled, pooled=True) for name in pooled_embeddings(cfg.MODEL.MDPR).values()
    }
    return nn.ModuleDict(heads)
