"""The numbers in the picture, from a config."""

from dataclasses import dataclass

from fastreid.config import CfgNode

from mdpr.errors import ConfigError
from mdpr.modeling.settings import MDPRSettings, feature_rows

__all__ = ["ArchitectureNumbers"]


@dataclass(frozen=True)
class ArchitectureNumbers:
    """Sizes of a network that has every part of the method."""

    image: tuple[int, int]  # height, width in pixels
    feature_map: tuple[int, int]  # h, w
    embedding_dim: int  # E
    num_parts: int  # P
    num_attentions: int  # M
    area_scale: float

    @classmethod
    def from_config(cls, cfg: CfgNode) -> "ArchitectureNumbers":
        """Read and check a full config.

        Raises:
            ConfigError: a setting the method cannot work with, or one that switches a part off.
        """
        settings = MDPRSettings.from_config(cfg)
        for key in ("HARD_BRANCH", "SOFT_BRANCH", "FUSION", "DISTILLATION", "GUIDED_ATTENTION"):
            if not cfg.MODEL.MDPR[key]:
                raise ConfigError(f"MODEL.MDPR.{key} is False: the picture shows the whole method")
        for key in ("NUM_PARTS", "NUM_ATTENTIONS"):
            if cfg.MODEL.MDPR[key] < 2:
                raise ConfigError(f"MODEL.MDPR.{key} is 1: the picture shows 2 or more")
        height, width = cfg.INPUT.SIZE_TEST
        stride = cfg.MODEL.BACKBONE.LAST_STRIDE
        return cls(
            image=(height, width),
            # What halves the height halves the width.
            feature_map=(feature_rows(height, stride), feature_rows(width, stride)),
            embedding_dim=settings.embedding_dim,
            num_parts=settings.num_parts,
            num_attentions=settings.num_attentions,
            area_scale=settings.area_scale,
        )

    @property
    def test_feature(self) -> dict[str, int]:
        """Length of each embedding in the test feature, in its order."""
        parts = [f"p_{i}" for i in range(1, self.num_parts + 1)]
        lengths = dict.fromkeys(("g", *parts, "s_4", "s_3"), self.embedding_dim)
        return {**lengths, "f": 4 * self.embedding_dim}
