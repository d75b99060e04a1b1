"""The method's settings, read from the config and checked before any data is.

Feature rows: the stem, stages 2 and 3 and, with last stride 2, stage 4 each halve the height.
"""

import math
from dataclasses import dataclass
from typing import Any

from fastreid.config import CfgNode

from mdpr.errors import ConfigError
from mdpr.modeling.distillation import DISTILLATION_REGISTRY
from mdpr.modeling.losses.auxiliary import AUXILIARY_LOSS_REGISTRY
from mdpr.modeling.losses.build import EMBEDDING_LOSS_REGISTRY

__all__ = ["MDPRSettings", "feature_rows"]

CLASSIFICATION_LOSS = "CrossEntropyLoss"
DEPTHS = ("18x", "34x", "50x", "101x")


@dataclass(frozen=True)
class MDPRSettings:
    """``MODEL.MDPR`` and what the method needs of the nodes around it.

    Attributes are the keys of `mdpr.config.add_mdpr_config` in lower case.
    """

    embedding_dim: int
    num_parts: int
    num_attentions: int
    guided_attention: bool
    hard_branch: bool
    soft_branch: bool
    fusion: bool
    distillation: bool
    distillation_name: str
    auxiliary_losses: list[str]
    distillation_scale: float
    diversity_scale: float
    area_scale: float
    recompute_activations: bool

    @classmethod
    def from_config(cls, cfg: CfgNode) -> "MDPRSettings":
        """Read and check a full config.

        Raises:
            ConfigError: a key has a value the method cannot work with; the message names the key, the
                value and what is allowed.
        """
        settings = cls(**{key.lower(): value for key, value in cfg.MODEL.MDPR.items()})
        settings._check_counts()
        settings._check_branches()
        settings._check_registered()
        _check_backbone(cfg, settings)
        _check_heads_and_losses(cfg)
        for key in ("SIZE_TRAIN", "SIZE_TEST"):
            settings._check_parts(key, cfg.INPUT[key][0], cfg.MODEL.BACKBONE.LAST_STRIDE)
        return settings

    @property
    def distills(self) -> bool:
        """Whether the distillation term is computed."""
        return self.distillation and self.distillation_scale > 0

    def _check_counts(self) -> None:
        for key in ("EMBEDDING_DIM", "NUM_PARTS", "NUM_ATTENTIONS"):
            value = getattr(self, key.lower())
            if value < 1:
                raise _error(f"MODEL.MDPR.{key}", value, "a whole number of 1 or more")
        for key in ("DISTILLATION_SCALE", "DIVERSITY_SCALE", "AREA_SCALE"):
            value = getattr(self, key.lower())
            if not (math.isfinite(value) and value >= 0):
                raise _error(f"MODEL.MDPR.{key}", value, "a finite number >= 0 (0 switches it off)")

    def _check_branches(self) -> None:
        if not (self.hard_branch or self.soft_branch):
            raise ConfigError(
                "MODEL.MDPR.HARD_BRANCH and MODEL.MDPR.SOFT_BRANCH are both False: at least one must "
                "be True"
            )
        both = self.hard_branch and self.soft_branch
        for key in ("FUSION", "DISTILLATION"):
            if getattr(self, key.lower()) and not both:
                missing = "SOFT_BRANCH" if self.hard_branch else "HARD_BRANCH"
                raise _error(
                    f"MODEL.MDPR.{key}", True, f"False while MODEL.MDPR.{missing} is False"
                )

    def _check_registered(self) -> None:
        for key, names, registry in (
            ("DISTILLATION_NAME", [self.distillation_name], DISTILLATION_REGISTRY),
            ("AUXILIARY_LOSSES", self.auxiliary_losses, AUXILIARY_LOSS_REGISTRY),
        ):
            for name in names:
                if name not in registry._obj_map:
                    known = (
                        ", ".join(sorted(registry._obj_map)) or "names that your project registers"
                    )
                    raise _error(f"MODEL.MDPR.{key}", name, f"one of {known}")

    def _check_parts(self, key: str, height: int, last_stride: int) -> None:
        rows = feature_rows(height, last_stride)
        # As torch.chunk cuts: stripes of ceil(rows / P) rows, the last one takes the rest.
        stripes = math.ceil(rows / math.ceil(rows / self.num_parts)) if rows else 0
        if self.hard_branch and stripes < self.num_parts:
            raise _error(
                "MODEL.MDPR.NUM_PARTS",
                self.num_parts,
                f"a number of stripes into which {rows} feature rows can be cut (INPUT.{key} "
                f"height {height}): this one gives {stripes}",
            )


def feature_rows(height: int, last_stride: int) -> int:
    """Rows of the last feature map for an image ``height`` in pixels (fast-reid's ResNet)."""
    after_convolution = math.ceil(height / 2)
    after_pooling = max(0, math.ceil((after_convolution - 3) / 2) + 1)
    stage3 = math.ceil(math.ceil(after_pooling / 2) / 2)
    return math.ceil(stage3 / last_stride)


def _check_backbone(cfg: CfgNode, settings: MDPRSettings) -> None:
    node = cfg.MODEL.BACKBONE
    if node.NAME != "build_resnet_backbone":
        raise _error("MODEL.BACKBONE.NAME", node.NAME, "'build_resnet_backbone'")
    if node.DEPTH not in DEPTHS:
        raise _error("MODEL.BACKBONE.DEPTH", node.DEPTH, f"one of {', '.join(DEPTHS)}")
    expected = 512 if node.DEPTH in ("18x", "34x") else 2048
    if expected != node.FEAT_DIM:
        raise _error("MODEL.BACKBONE.FEAT_DIM", node.FEAT_DIM, f"{expected} for {node.DEPTH}")
    if node.WITH_NL:
        raise _error(
            "MODEL.BACKBONE.WITH_NL", True, "False: the branches are copies of plain stages"
        )
    if node.LAST_STRIDE not in (1, 2):
        raise _error("MODEL.BACKBONE.LAST_STRIDE", node.LAST_STRIDE, "1 or 2")
    if settings.fusion and node.LAST_STRIDE != 1:
        raise _error(
            "MODEL.BACKBONE.LAST_STRIDE", node.LAST_STRIDE, "1 while MODEL.MDPR.FUSION is True"
        )


def _check_heads_and_losses(cfg: CfgNode) -> None:
    heads, losses = cfg.MODEL.HEADS, cfg.MODEL.LOSSES
    if heads.EMBEDDING_DIM != 0:
        raise _error(
            "MODEL.HEADS.EMBEDDING_DIM",
            heads.EMBEDDING_DIM,
            "0 (the width is MODEL.MDPR.EMBEDDING_DIM)",
        )
    if not heads.WITH_BNNECK:
        raise _error("MODEL.HEADS.WITH_BNNECK", False, "True")
    if heads.NECK_FEAT != "after":
        raise _error("MODEL.HEADS.NECK_FEAT", heads.NECK_FEAT, "'after'")
    known = sorted(EMBEDDING_LOSS_REGISTRY._obj_map)
    unknown = [name for name in losses.NAME if name not in known]
    if unknown:
        raise _error("MODEL.LOSSES.NAME", unknown[0], f"names out of {', '.join(known)}")
    if CLASSIFICATION_LOSS not in losses.NAME:
        raise _error(
            "MODEL.LOSSES.NAME",
            tuple(losses.NAME),
            f"a list with {CLASSIFICATION_LOSS}, without which the classifiers would not be trained",
        )


def _error(key: str, value: Any, allowed: str) -> ConfigError:
    return ConfigError(f"{key} is {value!r}: expected {allowed}")
