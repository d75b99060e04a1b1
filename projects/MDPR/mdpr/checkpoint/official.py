"""Weights of the authors' release, by name, to this project's and back.

A fact about file formats: which tensor of the release is which of ours. Values are never changed.
"""

import re
from collections.abc import Iterable, Mapping

from torch import Tensor

from mdpr.checkpoint.reading import first_names
from mdpr.errors import CheckpointError

# (start of a name in the release, start of it here); {i} is a whole number that stays as it is.
_BLOCKS = (
    ("generate.embedding_hard_global", "hard_branch.global_embedding"),
    ("generate.embedding_hard_part.{i}", "hard_branch.part_embeddings.{i}"),
    ("generate.embedding_attn_feature4", "soft_branch.embedding4"),
    ("generate.em3_1024", "soft_branch.refinement3"),
    ("generate.embedding_attn_feature3", "soft_branch.embedding3"),
    ("generate.attn_bap4.embedding_layer.{i}", "soft_branch.pooling4.embeddings.{i}"),
    ("generate.attn_bap3.embedding_layer.{i}", "soft_branch.pooling3.embeddings.{i}"),
)
_FUSION_BLOCKS = (
    ("fusion.merge", "fusion.parts"),
    ("fusion.output_part", "fusion.hard"),
    ("fusion.output_attn", "fusion.soft"),
    ("fusion.output", "fusion.output"),
)
_NAMES = (
    ("generate.backbone.0", "backbone.conv1"),
    ("generate.backbone.1", "backbone.bn1"),
    ("generate.backbone.4", "backbone.layer1"),
    ("generate.backbone.5", "backbone.layer2"),
    ("generate.backbone_part.0", "hard_branch.layer3"),
    ("generate.backbone_part.1", "hard_branch.layer4"),
    ("generate.backbone_attn.0", "soft_branch.layer3"),
    ("generate.backbone_attn.1", "soft_branch.layer4"),
    *((f"{theirs}.embedding", f"{ours}.projection") for theirs, ours in _BLOCKS),
    *((f"{theirs}.bn", f"{ours}.norm") for theirs, ours in _BLOCKS),
    *(
        (f"generate.attention_maker{level}.{theirs}", f"soft_branch.attention.logits{level}.{ours}")
        for level in (4, 3)
        for theirs, ours in (("conv", "pointwise"), ("conv3", "spatial"), ("bn", "norm"))
    ),
    ("generate.up_attn_4_3.conv", "soft_branch.attention.guidance"),
    ("generate.attn_bap4.pool", "soft_branch.pooling4.pool"),
    ("generate.attn_bap3.pool", "soft_branch.pooling3.pool"),
    *(
        (f"{theirs}.{index}", f"{ours}.{part}")
        for theirs, ours in _FUSION_BLOCKS
        for index, part in enumerate(("pointwise", "spatial", "norm"))
    ),
    ("hard_global_head", "heads.hard_global"),
    ("hard_part_head.{i}", "heads.hard_part_{i}"),
    ("attn_feature4_head", "heads.attn_feature4"),
    ("attn_feature3_head", "heads.attn_feature3"),
    ("attn_bap_feature4_head", "heads.attn_bap4"),
    ("attn_bap_feature3_head", "heads.attn_bap3"),
    ("fusion_feat_head", "heads.fusion"),
    ("predictor1", "distillation.predictor_hard"),
    ("predictor2", "distillation.predictor_soft"),
)
# The release's later variant puts each predictor into a module of its own.
_LATER_PREDICTOR = re.compile(r"^(predictor[12])\.conv\.")


def is_official(names: Iterable[str]) -> bool:
    """Whether tensor names are those of the authors' release, with or without ``module.``."""
    return any(name.removeprefix("module.").startswith("generate.backbone.") for name in names)


def convert_official_state_dict(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names of the authors' release to this project's.

    Args:
        state_dict: tensors by official name, of either variant of the release, whole or in part.

    Returns:
        The same tensors, in the same order, by this project's names.

    Raises:
        CheckpointError: a name belongs to neither variant; the message shows the first ones.
    """
    normalised = {
        _LATER_PREDICTOR.sub(r"\1.", name.removeprefix("module.")): tensor
        for name, tensor in state_dict.items()
    }
    return _renamed(normalised, _NAMES, "official MDPR")


def to_official_state_dict(
    state_dict: Mapping[str, Tensor], later_variant: bool = False
) -> dict[str, Tensor]:
    """This project's names to those of the authors' release.

    Args:
        state_dict: tensors by this project's names.
        later_variant: name the predictors as the release's later variant does.

    Returns:
        The same tensors, in the same order, by official names.

    Raises:
        CheckpointError: a name is not one of this project's; the message shows the first ones.
    """
    official = _renamed(state_dict, [(b, a) for a, b in _NAMES], "this project's")
    if not later_variant:
        return official
    return {re.sub(r"^(predictor[12])\.", r"\1.conv.", name): tensor for name, tensor in official.items()}


def _renamed(
    state_dict: Mapping[str, Tensor], names: Iterable[tuple[str, str]], kind: str
) -> dict[str, Tensor]:
    rules = [
        (
            re.compile("^" + re.escape(old).replace(r"\{i\}", r"(?P<i>\d+)") + r"(?P<rest>\..+)$"),
            new.replace("{i}", r"\g<i>") + r"\g<rest>",
        )
        for old, new in names
    ]
    renamed, unknown = {}, []
    for name, tensor in state_dict.items():
        matches = ((pattern.match(name), replacement) for pattern, replacement in rules)
        new = next((match.expand(replacement) for match, replacement in matches if match), None)
        if new is None:
            unknown.append(name)
        else:
            renamed[new] = tensor
    if unknown:
        raise CheckpointError(
            f"{len(unknown)} of {len(state_dict)} tensor names are not {kind} names: {first_names(unknown)}"
        )
    return renamed
