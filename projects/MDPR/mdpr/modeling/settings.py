"""The method's settings, read from the config and checked before any data is.

Feature rows: the stem, stages 2 and 3 and, with last stride 2, stage 4 each halve the height.
"""

import math
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

from fastreid.config import CfgNode

from mdpr.errors import ConfigError, wrong_value
from mdpr.modeling.feature_layout import check_test_feature, embedding_widths, pooled_embeddings
from mdpr.modeling.losses.registry import LOSS_REGISTRY, ROLES
from mdpr.rules import Choice, Rule, Rules, check_rules, each, number, value_of, whole

CLASSIFICATION_LOSS = "CrossEntropyLoss"
DEPTHS = ("18x", "34x", "50x", "101x")


def _ascends(dims: Any) -> bool:
    counts = each(whole(1), "")
    return counts.holds(dims) and all(shorter < longer for shorter, longer in pairwise(dims))


_SCALE = number(least=0, note=" (0 switches it off)")
_RULES: Rules = {
    "MODEL.MDPR.EMBEDDING_DIM": whole(1),
    "MODEL.MDPR.NUM_PARTS": whole(1),
    "MODEL.MDPR.NUM_ATTENTIONS": whole(1),
    "MODEL.MDPR.SOFT_STAGES": Rule("[3, 4], [3] or [4]", lambda stages: stages in ([3, 4], [3], [4])),
    "MODEL.MDPR.DISTILLATION_SCALE": _SCALE,
    "MODEL.MDPR.DIVERSITY_SCALE": _SCALE,
    "MODEL.MDPR.AREA_SCALE": _SCALE,
    "MODEL.MDPR.NESTED_DIMS": Rule("different whole numbers of 1 or more, ascending; [] for none", _ascends),
    "MODEL.HEADS.NECK_FEAT": Choice(("after", "before")),
    "MODEL.BACKBONE.NAME": Choice(("build_resnet_backbone",)),
    "MODEL.BACKBONE.DEPTH": Choice(DEPTHS),
    "MODEL.BACKBONE.LAST_STRIDE": Rule("1 or 2", lambda stride: stride in (1, 2)),
    "MODEL.LOSSES.NAME": Choice(partial(LOSS_REGISTRY.names, "embedding"), several=True),
    **{
        ROLES[role]: Choice(partial(LOSS_REGISTRY.names, role))
        for role in ("distillation", "diversity", "area")
    },
}


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
    soft_stages: list[int]
    fusion: bool
    distillation: bool
    distillation_name: str
    diversity_name: str
    area_name: str
    auxiliary_losses: list[str]
    distillation_scale: float
    diversity_scale: float
    area_scale: float
    loss_scales: list[Any]
    recompute_activations: bool
    nested_dims: list[int]

    @classmethod
    def from_config(cls, cfg: CfgNode) -> "MDPRSettings":
        """Read and check a full config.

        Raises:
            ConfigError: a key has a value the method cannot work with; the message names the key, the
                value and what is allowed.
        """
        check_method(cfg)
        return cls(**{key.lower(): value for key, value in cfg.MODEL.MDPR.items()})

    @property
    def distills(self) -> bool:
        """Whether the distillation term is computed."""
        return self.distillation and self.distillation_scale > 0


def check_method(cfg: CfgNode) -> None:
    """Refuse a config that the method cannot work with.

    Raises:
        ConfigError: naming the key, the value and what is allowed.
    """
    check_rules(cfg, _RULES)
    _check_branches(cfg.MODEL.MDPR)
    check_test_feature(cfg)
    _check_loss_scales(cfg.MODEL.MDPR)
    _check_backbone(cfg)
    _check_heads_and_losses(cfg)
    for key in ("SIZE_TRAIN", "SIZE_TEST"):
        _check_parts(cfg, f"INPUT.{key}", cfg.INPUT[key][0])


def feature_rows(height: int, last_stride: int) -> int:
    """Rows of the last feature map for an image ``height`` in pixels (fast-reid's ResNet)."""
    after_convolution = math.ceil(height / 2)
    after_pooling = max(0, math.ceil((after_convolution - 3) / 2) + 1)
    stage3 = math.ceil(math.ceil(after_pooling / 2) / 2)
    return math.ceil(stage3 / last_stride)


def _check_branches(node: CfgNode) -> None:
    if not (node.HARD_BRANCH or node.SOFT_BRANCH):
        raise ConfigError(
            "MODEL.MDPR.HARD_BRANCH and MODEL.MDPR.SOFT_BRANCH are both False: at least one must be True"
        )
    for key in ("FUSION", "DISTILLATION"):
        if node[key] and not (node.HARD_BRANCH and node.SOFT_BRANCH):
            missing = "SOFT_BRANCH" if node.HARD_BRANCH else "HARD_BRANCH"
            raise wrong_value(f"MODEL.MDPR.{key}", True, f"False while MODEL.MDPR.{missing} is False")
    if node.GUIDED_ATTENTION and len(node.SOFT_STAGES) == 1:
        allowed = f"False while MODEL.MDPR.SOFT_STAGES is {node.SOFT_STAGES}: one stage has none to guide it"
        raise wrong_value("MODEL.MDPR.GUIDED_ATTENTION", True, allowed)


def _check_loss_scales(node: CfgNode) -> None:
    key, scales = "MODEL.MDPR.LOSS_SCALES", node.LOSS_SCALES
    if not isinstance(scales, list | tuple) or len(scales) % 2:
        raise wrong_value(key, scales, "a list of name, weight, ...; [] leaves all losses at 1")
    if len(set(scales[::2])) < len(scales[::2]):
        raise wrong_value(key, scales, "every head once")
    for name, scale in zip(scales[::2], scales[1::2], strict=True):
        Choice([*embedding_widths(node), *pooled_embeddings(node).values()]).check(key, name)
        number(above=0).check(f"{key} of {name}", scale)


def _check_backbone(cfg: CfgNode) -> None:
    node = cfg.MODEL.BACKBONE
    channels = 512 if node.DEPTH in ("18x", "34x") else 2048
    if channels != node.FEAT_DIM:
        raise wrong_value("MODEL.BACKBONE.FEAT_DIM", node.FEAT_DIM, f"{channels} for {node.DEPTH}")
    if node.WITH_NL:
        raise wrong_value("MODEL.BACKBONE.WITH_NL", True, "False: the branches are copies of plain stages")
    if cfg.MODEL.MDPR.FUSION and node.LAST_STRIDE != 1:
        raise wrong_value("MODEL.BACKBONE.LAST_STRIDE", node.LAST_STRIDE, "1 while MODEL.MDPR.FUSION is True")


def _check_heads_and_losses(cfg: CfgNode) -> None:
    heads, losses = cfg.MODEL.HEADS, cfg.MODEL.LOSSES
    if heads.EMBEDDING_DIM != 0:
        raise wrong_value(
            "MODEL.HEADS.EMBEDDING_DIM",
            heads.EMBEDDING_DIM,
            "0 (the width is MODEL.MDPR.EMBEDDING_DIM)",
        )
    if not heads.WITH_BNNECK:
        raise wrong_value("MODEL.HEADS.WITH_BNNECK", False, "True")
    if heads.NECK_FEAT != "after" and cfg.MODEL.MDPR.NESTED_DIMS:
        allowed = "'after' while MODEL.MDPR.NESTED_DIMS is not []: short forms are trained on what is tested"
        raise wrong_value("MODEL.HEADS.NECK_FEAT", heads.NECK_FEAT, allowed)
    for name in cfg.MODEL.MDPR.AUXILIARY_LOSSES:
        LOSS_REGISTRY.get(name, "auxiliary")
    if CLASSIFICATION_LOSS not in losses.NAME:
        raise wrong_value(
            "MODEL.LOSSES.NAME",
            tuple(losses.NAME),
            f"a list with {CLASSIFICATION_LOSS}, without which the classifiers would not be trained",
        )


def _check_parts(cfg: CfgNode, size_key: str, height: int) -> None:
    parts = cfg.MODEL.MDPR.NUM_PARTS
    rows = feature_rows(height, cfg.MODEL.BACKBONE.LAST_STRIDE)
    if rows < 1:
        raise wrong_value(size_key, value_of(cfg, size_key), "an image with a row of features")
    # As torch.chunk cuts: stripes of ceil(rows / P) rows, the last one takes the rest.
    stripes = math.ceil(rows / math.ceil(rows / parts))
    if cfg.MODEL.MDPR.HARD_BRANCH and stripes < parts:
        raise wrong_value(
            "MODEL.MDPR.NUM_PARTS",
            parts,
            f"a number of stripes into which {rows} feature rows can be cut ({size_key} "
            f"height {height}): this one gives {stripes}",
        )
