"""Foreground attention of the soft content branch (paper, section 3.3).

B batch, C input channels, M foreground maps, E embedding width, h x w the feature map.
"""

import torch
from fastreid.layers import get_norm
from torch import Tensor, nn
from torch.nn import functional as F

from mdpr.modeling.layers import EmbeddingBlock
from mdpr.modeling.pooling import GeneralizedMeanPooling


class AttentionLogits(nn.Module):
    """``ReLU(norm(conv1x1(x) + conv3x3(x)))``: (B, C, h, w) to (B, maps, h, w), values >= 0."""

    def __init__(self, in_channels: int, maps: int, norm: str) -> None:
        super().__init__()
        self.pointwise = nn.Conv2d(in_channels, maps, 1, bias=False)
        self.spatial = nn.Conv2d(in_channels, maps, 3, padding=1, bias=False)
        self.norm = get_norm(norm, maps)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of one level, the last map being the background."""
        return F.relu(self.norm(self.pointwise(x) + self.spatial(x)))


class GuidedAttention(nn.Module):
    """Attention of stages 4 and 3, the deeper stage guiding the shallower one where asked.

    Args:
        channels4: C4, channels of stage 4.
        channels3: C3, channels of stage 3.
        num_attentions: M; one background map is added.
        guided: whether the logits of stage 4 are an input of those of stage 3.
        norm: a norm of fast-reid's ``get_norm``.
    """

    def __init__(
        self, *, channels4: int, channels3: int, num_attentions: int, guided: bool, norm: str
    ) -> None:
        super().__init__()
        maps = num_attentions + 1
        self.logits4 = AttentionLogits(channels4, maps, norm)
        self.guidance = nn.Conv2d(maps, maps, 1, bias=False) if guided else None
        self.logits3 = AttentionLogits(channels3 + (maps if guided else 0), maps, norm)

    def forward(self, stage4: Tensor, stage3: Tensor) -> tuple[Tensor, Tensor]:
        """
        Args:
            stage4: S4 (B, C4, h, w).
            stage3: S3 (B, C3, h3, w3).

        Returns:
            Foreground maps A4 (B, M, h, w) and A3 (B, M, h3, w3), in 0..1.
        """
        logits4 = self.logits4(stage4)
        if self.guidance is not None:
            # Guided by the logits, not by their softmax.
            guide = F.relu(self.guidance(_resize(logits4, stage3.shape[-2:])))
            stage3 = torch.cat([stage3, guide], dim=1)
        return foreground(logits4), foreground(self.logits3(stage3))


def foreground(logits: Tensor) -> Tensor:
    """Softmax over maps, the last of which is the background and is dropped.

    Args:
        logits: (B, M + 1, h, w).

    Returns:
        (B, M, h, w), in 0..1.
    """
    return logits.softmax(dim=1)[:, :-1]


def _resize(x: Tensor, size: torch.Size) -> Tensor:
    if x.shape[-2:] == size:  # last stride 1: nothing to resize
        return x
    return F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=True)


class BilinearAttentionPooling(nn.Module):
    """Pool a feature map once per attention map: ``v_m = GeM(embedding_m(x * A_m))``."""

    def __init__(self, in_channels: int, embedding_dim: int, num_attentions: int, norm: str) -> None:
        super().__init__()
        self.embeddings = nn.ModuleList(
            EmbeddingBlock(in_channels, embedding_dim, norm) for _ in range(num_attentions)
        )
        self.pool = GeneralizedMeanPooling()  # one exponent for all maps of a level

    def forward(self, x: Tensor, attention: Tensor) -> Tensor:
        """
        Args:
            x: (B, C, h, w).
            attention: (B, M, h, w).

        Returns:
            v (B, M, E), values >= 0, float32 at least.
        """
        pooled = [
            self.pool(embedding(x * attention[:, m : m + 1].to(x.dtype))).flatten(1)
            for m, embedding in enumerate(self.embeddings)
        ]
        return torch.stack(pooled, dim=1)
