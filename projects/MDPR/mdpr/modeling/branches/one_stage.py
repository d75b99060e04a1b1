"""The soft content branch at one stage alone, for an ablation (of the paper's section 3.3)."""

from torch import Tensor, nn

from mdpr.modeling.attention import AttentionLogits, BilinearAttentionPooling, foreground
from mdpr.modeling.layers import EmbeddingBlock, initialize
from mdpr.modeling.structures import Attention, SoftFeatures


class OneStageSoftBranch(nn.Module):
    """What `SoftContentBranch` computes at stage 4, or at stage 3 without guidance.

    With S the stage: A = softmax(Att(S)) less the background, s = embed(R), v_m = GeM(embed_m(R * A_m)); R is
    S at stage 4 and its refinement at stage 3. Alone, stage 3 needs no stage 4.

    Args:
        layer3: this branch's own stage 3.
        layer4: this branch's own stage 4.
        stage: 4 or 3.
        channels4: C4, channels of stage 4; stage 3 has half as many.
        embedding_dim: E.
        num_attentions: M.
        norm: a norm of fast-reid's ``get_norm``.
    """

    def __init__(
        self,
        layer3: nn.Module,
        layer4: nn.Module,
        *,
        stage: int,
        channels4: int,
        embedding_dim: int,
        num_attentions: int,
        norm: str,
    ) -> None:
        super().__init__()
        self.stage = stage
        channels = channels4 if stage == 4 else channels4 // 2
        self.layer3 = layer3
        self.layer4 = layer4 if stage == 4 else None
        self.refinement = EmbeddingBlock(channels, channels, norm) if stage == 3 else None
        self.embedding = EmbeddingBlock(channels, embedding_dim, norm)
        self.logits = AttentionLogits(channels, num_attentions + 1, norm)
        self.pooling = BilinearAttentionPooling(channels, embedding_dim, num_attentions, norm)
        for name, module in self.named_children():
            if name not in ("layer3", "layer4"):  # these come with their weights
                initialize(module)

    def forward(self, shared: Tensor) -> SoftFeatures:
        """
        Args:
            shared: X2 (B, C2, 2h, 2w), output of the shared stem.

        Returns:
            The embedding map, with attention in training mode only.
        """
        features = self.layer3(shared)
        if self.layer4 is not None:
            features = self.layer4(features)
        refined = features if self.refinement is None else self.refinement(features)
        maps = {self.stage: self.embedding(refined)}
        if not self.training:
            return SoftFeatures(maps)
        attention = foreground(self.logits(features))
        return SoftFeatures(maps, {self.stage: Attention(attention, self.pooling(refined, attention))})
