"""Which embeddings the test feature is made of, in which order, and how wide each is."""

from typing import Final

from fastreid.config import CfgNode

from mdpr.errors import wrong_value
from mdpr.rules import Choice

POOLED_EMBEDDING: Final = "attn_bap{}"  # of a stage; trained by classification only, not tested


def embedding_widths(node: CfgNode) -> dict[str, int]:
    """Numbers of every embedding that can be tested, by name, in the order of the test feature.

    Args:
        node: ``MODEL.MDPR``.

    Returns:
        [g, p_1..p_P, s4, s3, f]: E each, and of f 4E; with the soft branch at one stage alone, 3E.
    """
    stages = sorted(node.SOFT_STAGES, reverse=True)
    names = []
    if node.HARD_BRANCH:
        names += ["hard_global", *(f"hard_part_{i}" for i in range(node.NUM_PARTS))]
    if node.SOFT_BRANCH:
        names += [f"attn_feature{stage}" for stage in stages]
    widths = dict.fromkeys(names, node.EMBEDDING_DIM)
    if node.FUSION:
        widths["fusion"] = (2 + len(stages)) * node.EMBEDDING_DIM
    return widths


def pooled_embeddings(node: CfgNode) -> dict[int, str]:
    """Names of what attention pools, which is trained and not tested, by stage; stage 4 comes first."""
    stages = sorted(node.SOFT_STAGES, reverse=True) if node.SOFT_BRANCH else ()
    return {stage: POOLED_EMBEDDING.format(stage) for stage in stages}


def feature_dim(node: CfgNode) -> int:
    """D, numbers of the whole test feature that ``MODEL.MDPR`` says."""
    return sum(embedding_widths(node).values())


def tested_embeddings(cfg: CfgNode) -> tuple[str, ...]:
    """Names of the embeddings that ``TEST.MDPR.FEATURES`` asks for, in the order of the test feature."""
    wanted = cfg.TEST.MDPR.FEATURES
    return tuple(name for name in embedding_widths(cfg.MODEL.MDPR) if not wanted or name in wanted)


def check_test_feature(cfg: CfgNode) -> None:
    """Refuse a test feature that this network does not have.

    Raises:
        ConfigError: naming the key, the value and what there is.
    """
    dims, tested, most = cfg.MODEL.MDPR.NESTED_DIMS, cfg.TEST.MDPR.NESTED_DIM, feature_dim(cfg.MODEL.MDPR)
    if dims and dims[-1] > most:
        allowed = f"lengths of at most {most}, which the whole feature has"
        raise wrong_value("MODEL.MDPR.NESTED_DIMS", dims, allowed)
    if tested not in (0, *dims):
        allowed = f"0, for the whole feature, or one of MODEL.MDPR.NESTED_DIMS {tuple(dims)}"
        raise wrong_value("TEST.MDPR.NESTED_DIM", tested, allowed)
    if wanted := cfg.TEST.MDPR.FEATURES:
        Choice(embedding_widths(cfg.MODEL.MDPR), several=True).check("TEST.MDPR.FEATURES", wanted)
        if tested:
            raise wrong_value("TEST.MDPR.FEATURES", wanted, "[] while TEST.MDPR.NESTED_DIM is not 0")
