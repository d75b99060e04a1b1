"""The whole picture."""

from pathlib import Path

from mdpr.visualization.architecture.attention import draw_attention
from mdpr.visualization.architecture.fusion import draw_fusion
from mdpr.visualization.architecture.hard import STAGES_ROW, draw_hard_branch
from mdpr.visualization.architecture.heads import (
    draw_distillation,
    draw_heads,
    draw_test_feature,
)
from mdpr.visualization.architecture.layout import HEIGHT, WIDTH
from mdpr.visualization.architecture.numbers import ArchitectureNumbers
from mdpr.visualization.architecture.soft import draw_soft_branch
from mdpr.visualization.architecture.trunk import draw_legend, draw_sizes, draw_trunk
from mdpr.visualization.drawing import Sheet, same_everywhere

__all__ = ["draw_architecture"]


def draw_architecture(path: str | Path, numbers: ArchitectureNumbers) -> None:
    """Draw the architecture into a file; the same numbers give the same bytes.

    Args:
        path: an .svg or a .png file.
        numbers: sizes of the network.

    Raises:
        ValueError: the suffix is neither of the two.
    """
    with same_everywhere():
        sheet = Sheet(WIDTH, HEIGHT)
        draw_fusion(sheet)  # first, as the branches lead their maps into it
        draw_hard_branch(sheet, numbers)
        draw_soft_branch(sheet, numbers)
        draw_attention(sheet, numbers)
        draw_trunk(sheet, numbers, STAGES_ROW)
        draw_sizes(sheet, numbers)
        draw_legend(sheet)
        draw_distillation(sheet)
        draw_test_feature(sheet, numbers)
        draw_heads(sheet)
        sheet.save(path, title="Architecture of MDPR", description=_describe(numbers))


def _describe(numbers: ArchitectureNumbers) -> str:
    rows, columns = numbers.feature_map
    lengths = numbers.test_feature
    return (
        f"An image of {numbers.image[0]} by {numbers.image[1]} pixels goes through a shared stem into "
        f"two branches with feature maps of {rows} by {columns}. The hard content branch embeds the "
        f"whole map and {numbers.num_parts} stripes of it; the soft content branch embeds stages 4 "
        f"and 3, trained with {numbers.num_attentions} attention maps each. Their maps are fused. "
        f"Every embedding has a head; the branches distil into each other. The test feature is "
        f"{', '.join(lengths)}: {sum(lengths.values())} numbers."
    )
