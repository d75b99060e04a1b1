"""The middle of the picture: fusion of both branches."""

from mdpr.visualization.architecture.layout import (
    FUSION,
    FUSION_BOTTOM,
    FUSION_BUS,
    FUSION_PANEL,
    FUSION_TOP,
    HEADS,
    PARTS_BUS,
    ROW_FUSION,
)
from mdpr.visualization.drawing import SYMBOL, TITLE, Sheet
from mdpr.visualization.geometry import Rect

__all__ = ["draw_fusion"]


def draw_fusion(sheet: Sheet) -> None:
    """Draw the four blocks; their inputs come from the branches, which are drawn afterwards."""
    sheet.panel(FUSION_PANEL, FUSION)
    sheet.text(558, 246, "Fusion", size=TITLE, color=FUSION.edge, bold=True)
    parts = sheet.box(Rect(PARTS_BUS - 26, FUSION_TOP, 52, 34), FUSION, "parts", "$F(E)$")
    hard = sheet.box(Rect(FUSION_BUS - 28, FUSION_TOP, 56, 34), FUSION, "hard", "$F(2E)$")
    soft = sheet.box(Rect(FUSION_BUS - 28, FUSION_BOTTOM - 34, 56, 34), FUSION, "soft", "$F(2E)$")
    output = sheet.box(Rect.around(565, ROW_FUSION, 54, 34), FUSION, "output", "$F(4E)$")
    sheet.wire(parts.east, hard.west, color=FUSION.edge)
    sheet.wire(hard.east, (output.x, hard.y), output.north, color=FUSION.edge)
    sheet.wire(soft.east, (output.x, soft.y), output.south, color=FUSION.edge)
    sheet.wire(output.east, (HEADS.left, ROW_FUSION), color=FUSION.edge)
    sheet.text(613, ROW_FUSION - 14, "$f$", size=SYMBOL, name="map-f")
