"""Hard content branch: uniform horizontal partition (paper, section 3.2)."""

from torch import Tensor, nn

from mdpr.modeling.layers import EmbeddingBlock, initialize
from mdpr.modeling.structures import HardFeatures


class HardContentBranch(nn.Module):
    """One global embedding map, and one per horizontal stripe, cut before it is embedded.

    Args:
        layer3: this branch's own stage 3.
        layer4: this branch's own stage 4.
        channels4: C4, channels of stage 4.
        embedding_dim: E.
        num_parts: P; the feature map needs enough rows to be cut into P stripes.
        norm: a norm of fast-reid's ``get_norm``.
    """

    def __init__(
        self,
        layer3: nn.Module,
        layer4: nn.Module,
        *,
        channels4: int,
        embedding_dim: int,
        num_parts: int,
        norm: str,
    ) -> None:
        super().__init__()
        self.layer3 = layer3
        self.layer4 = layer4
        self.global_embedding = EmbeddingBlock(channels4, embedding_dim, norm)
        self.part_embeddings = nn.ModuleList(
            EmbeddingBlock(channels4, embedding_dim, norm) for _ in range(num_parts)
        )
        initialize(self.global_embedding)
        initialize(self.part_embeddings)

    def forward(self, shared: Tensor) -> HardFeatures:
        """
        Args:
            shared: X2 (B, C2, 2h, 2w), output of the shared stem.

        Raises:
            ValueError: the feature map has too few rows for P stripes.
        """
        stage4 = self.layer4(self.layer3(shared))
        stripes = stage4.chunk(len(self.part_embeddings), dim=2)
        if len(stripes) < len(self.part_embeddings):
            raise ValueError(
                f"a feature map of {stage4.shape[2]} rows cannot be cut into MODEL.MDPR.NUM_PARTS "
                f"{len(self.part_embeddings)} stripes: use higher images or fewer parts"
            )
        return HardFeatures(
            global_map=self.global_embedding(stage4),
            part_maps=tuple(
                embedding(stripe) for embedding, stripe in zip(self.part_embeddings, stripes, strict=True)
            ),
        )
