"""The left of the picture: the image, the shared stem, and the legend."""

from mdpr.visualization.architecture.icons import person
from mdpr.visualization.architecture.layout import (
    LEGEND_PANEL,
    LOSS,
    ROW_FUSION,
    ROW_MAP4,
    SHARED,
    STEM_BUS,
)
from mdpr.visualization.architecture.numbers import ArchitectureNumbers
from mdpr.visualization.drawing import SYMBOL, Sheet
from mdpr.visualization.geometry import Rect

__all__ = ["draw_legend", "draw_sizes", "draw_trunk"]

_TIMES = "\N{MULTIPLICATION SIGN}"


def draw_trunk(sheet: Sheet, numbers: ArchitectureNumbers, hard_row: float) -> None:
    """Draw the image and the stem, and what the stem gives to both branches.

    Args:
        sheet: to draw on.
        numbers: the image's size is read.
        hard_row: where the hard branch takes its input.
    """
    frame = Rect.around(58, 196, 58, 116)
    person(
        sheet,
        frame,
        ground="#e9e6df",
        head="#d9a982",
        torso="#4f7ea8",
        legs="#50505a",
        edge=SHARED.edge,
    )
    height, width = numbers.image
    sheet.text(frame.x, 112, "image", bold=True)
    sheet.text(frame.x, 128, f"{height} {_TIMES} {width}", name="image-size")
    stem = Rect.around(58, ROW_FUSION, 94, 62)
    sheet.wire(frame.south, stem.north, color=SHARED.edge)
    sheet.box(stem, SHARED, "shared stem", "conv1,", "layer1, layer2")
    start = (STEM_BUS, stem.y)
    sheet.wire(stem.east, start, color=SHARED.edge, arrow=False)
    for row in (hard_row, ROW_MAP4):
        sheet.wire(start, (STEM_BUS, row), (134, row), color=SHARED.edge)
    sheet.text(STEM_BUS - 14, ROW_FUSION + 50, "$X_2$", size=SYMBOL)


def draw_legend(sheet: Sheet) -> None:
    """Explain the abbreviations and the two kinds of marks."""
    sheet.panel(LEGEND_PANEL, SHARED)
    left, top = LEGEND_PANEL.left + 12, LEGEND_PANEL.top + 13
    step = 17
    meanings = (
        ("embed", f"1{_TIMES}1 conv, BN, ReLU"),
        ("refine", "the same, width kept"),
        ("$F$", f"1{_TIMES}1, 3{_TIMES}3 conv, BN, ReLU"),
        ("GeM", "generalized-mean pooling"),
        ("sg", "stop-gradient"),
        ("bg", "background, dropped"),
    )
    for i, (term, meaning) in enumerate(meanings):
        sheet.text(left, top + step * i, term, align="left", bold=True)
        sheet.text(left + 56, top + step * i, meaning, align="left")
    marks = top + step * len(meanings)
    sheet.pill(Rect.around(left + 22, marks, 44, 15), LOSS, "loss")
    sheet.text(left + 56, marks, "a training loss", align="left")
    sheet.wire((left, marks + step), (left + 44, marks + step), color=SHARED.edge, dashed=True)
    sheet.text(left + 56, marks + step, "in training only", align="left")


def draw_sizes(sheet: Sheet, numbers: ArchitectureNumbers) -> None:
    """State what the letters stand for."""
    rows, columns = numbers.feature_map
    sheet.text(58, 470, "Sizes", bold=True)
    sizes = (
        f"$E$ = {numbers.embedding_dim}",
        f"$P$ = {numbers.num_parts}",
        f"$M$ = {numbers.num_attentions}",
        rf"$h \times w$ = {rows} {_TIMES} {columns}",
    )
    for i, size in enumerate(sizes):
        sheet.text(58, 490 + 18 * i, size)
