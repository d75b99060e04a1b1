"""The config that a network's weights imply, read off tensor names and shapes."""

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

# (blocks of stage 3, bottleneck blocks) of the ResNets that the method is made for.
_DEPTHS = {(2, False): "18x", (6, False): "34x", (6, True): "50x", (23, True): "101x"}


def is_mdpr(state_dict: Mapping[str, Tensor]) -> bool:
    """Whether tensor names are those of this project's network."""
    return any(name.startswith(("hard_branch.", "soft_branch.")) for name in state_dict)


def implied_overrides(state_dict: Mapping[str, Tensor]) -> dict[str, Any]:
    """Config keys and values that build a network these weights fit.

    Returns:
        ``KEY`` to value, for ``train_net.py ... KEY VALUE``; a depth that is none of the known ones is
        left out.
    """
    branch = "hard_branch" if _has(state_dict, "hard_branch.") else "soft_branch"
    blocks = _count(state_dict, f"{branch}.layer3.")
    bottleneck = f"{branch}.layer3.0.conv3.weight" in state_dict
    one_stage = _has(state_dict, "soft_branch.embedding.")
    soft_embedding = "embedding" if one_stage else "embedding4"
    embedding = "global_embedding" if branch == "hard_branch" else soft_embedding
    width = state_dict[f"{branch}.{embedding}.projection.weight"].shape[0]
    overrides: dict[str, Any] = {
        "MODEL.META_ARCHITECTURE": "MDPR",
        "MODEL.BACKBONE.WITH_IBN": any(".IN." in name for name in state_dict),
        "MODEL.BACKBONE.FEAT_DIM": 2048 if bottleneck else 512,
        "MODEL.MDPR.EMBEDDING_DIM": width,
        "MODEL.MDPR.HARD_BRANCH": _has(state_dict, "hard_branch."),
        "MODEL.MDPR.SOFT_BRANCH": _has(state_dict, "soft_branch."),
        "MODEL.MDPR.FUSION": _has(state_dict, "fusion."),
        "MODEL.MDPR.DISTILLATION": _has(state_dict, "distillation."),
    }
    if (blocks, bottleneck) in _DEPTHS:
        overrides["MODEL.BACKBONE.DEPTH"] = _DEPTHS[blocks, bottleneck]
    if overrides["MODEL.MDPR.HARD_BRANCH"]:
        overrides["MODEL.MDPR.NUM_PARTS"] = _count(state_dict, "hard_branch.part_embeddings.")
    if overrides["MODEL.MDPR.SOFT_BRANCH"]:
        pooling = "pooling" if one_stage else "pooling4"
        maps = _count(state_dict, f"soft_branch.{pooling}.embeddings.")
        overrides["MODEL.MDPR.NUM_ATTENTIONS"] = maps
        if one_stage:
            overrides["MODEL.MDPR.SOFT_STAGES"] = [4 if _has(state_dict, "soft_branch.layer4.") else 3]
        guidance = "soft_branch.attention.guidance.weight"
        overrides["MODEL.MDPR.GUIDED_ATTENTION"] = guidance in state_dict
    lengths = sorted(int(name.split(".")[2]) for name in state_dict if name.startswith("nested.classifiers."))
    if lengths:
        overrides["MODEL.MDPR.NESTED_DIMS"] = lengths
    is_classifier = re.compile(r"heads\.[^.]+\.weight").fullmatch
    classifiers = [t.shape[0] for name, t in state_dict.items() if is_classifier(name)]
    if classifiers:
        overrides["MODEL.HEADS.NUM_CLASSES"] = classifiers[0]
    return dict(sorted(overrides.items()))


def _has(state_dict: Mapping[str, Tensor], prefix: str) -> bool:
    return any(name.startswith(prefix) for name in state_dict)


def _count(state_dict: Mapping[str, Tensor], prefix: str) -> int:
    """Members of a module list or sequence."""
    return len({n[len(prefix) :].split(".")[0] for n in state_dict if n.startswith(prefix)})
