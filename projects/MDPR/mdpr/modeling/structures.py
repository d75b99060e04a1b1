"""What travels between the parts of the network.

B batch, C4 channels of the last stage, C3 = C4 / 2, E embedding width, P parts, M attention maps, h x w
the feature map.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class HardFeatures:
    """The hard content branch's maps."""

    global_map: Tensor  # g: (B, E, h, w)
    part_maps: tuple[Tensor, ...]  # p_1..p_P from top to bottom: (B, E, rows, w), rows sum to h


@dataclass(frozen=True)
class Attention:
    """One level's foreground attention and what it pooled."""

    maps: Tensor  # A: (B, M, h, w), 0..1
    pooled: Tensor  # v: (B, M, E), before the ReLU


@dataclass(frozen=True)
class SoftFeatures:
    """The soft content branch's, by stage, 4 before 3; attention only where it is asked for (in training)."""

    maps: Mapping[int, Tensor]  # s4 (B, E, h, w) and s3 (B, E, h3, w3); h3 x w3 is h x w with last stride 1
    attentions: Mapping[int, Attention] = field(default_factory=dict)
