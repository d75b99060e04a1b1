"""Soft content branch: attention tells the person from the background (paper, section 3.3)."""

from torch import Tensor, nn

from mdpr.modeling.attention import BilinearAttentionPooling, GuidedAttention
from mdpr.modeling.layers import EmbeddingBlock, initialize
from mdpr.modeling.structures import Attention, SoftFeatures


class SoftContentBranch(nn.Module):
    """Embedding maps of stages 4 and 3; in training also attention over both, and what it pools.

    Args:
        layer3: this branch's own stage 3.
        layer4: this branch's own stage 4.
        channels4: C4, channels of stage 4; stage 3 has half as many.
        embedding_dim: E.
        num_attentions: M.
        guided: whether attention at stage 4 guides attention at stage 3.
        norm: a norm of fast-reid's ``get_norm``.
    """

    def __init__(
        self,
        layer3: nn.Module,
        layer4: nn.Module,
        *,
        channels4: int,
        embedding_dim: int,
        num_attentions: int,
        guided: bool,
        norm: str,
    ) -> None:
        super().__init__()
        channels3 = channels4 // 2
        self.layer3 = layer3
        self.layer4 = layer4
        self.embedding4 = EmbeddingBlock(channels4, embedding_dim, norm)
        self.refinement3 = EmbeddingBlock(channels3, channels3, norm)
        self.embedding3 = EmbeddingBlock(channels3, embedding_dim, norm)
        self.attention = GuidedAttention(
            channels4=channels4,
            channels3=channels3,
            num_attentions=num_attentions,
            guided=guided,
            norm=norm,
        )
        self.pooling4 = BilinearAttentionPooling(channels4, embedding_dim, num_attentions, norm)
        self.pooling3 = BilinearAttentionPooling(channels3, embedding_dim, num_attentions, norm)
        for name, module in self.named_children():
            if name not in ("layer3", "layer4"):  # these come with their weights
                initialize(module)

    def forward(self, shared: Tensor) -> SoftFeatures:
        """
        Args:
            shared: X2 (B, C2, 2h, 2w), output of the shared stem.

        Returns:
            The embedding maps, with attention in training mode only: testing does not use it.
        """
        stage4, stage3 = self.stages(shared)
        refined3 = self.refinement3(stage3)
        maps = {4: self.embedding4(stage4), 3: self.embedding3(refined3)}
        if not self.training:
            return SoftFeatures(maps)
        # Attention looks at stage 3 as it is; what it then pools is the refined map.
        attention4, attention3 = self.attention(stage4, stage3)
        attentions = {
            4: Attention(attention4, self.pooling4(stage4, attention4)),
            3: Attention(attention3, self.pooling3(refined3, attention3)),
        }
        return SoftFeatures(maps, attentions)

    def stages(self, shared: Tensor) -> tuple[Tensor, Tensor]:
        """S4 (B, C4, h, w) and S3 (B, C3, h3, w3), from X2."""
        stage3 = self.layer3(shared)
        return self.layer4(stage3), stage3
