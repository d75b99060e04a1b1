"""The bottom of the picture: the soft content branch."""

from mdpr.visualization.architecture.icons import feature_map
from mdpr.visualization.architecture.layout import (
    ATTENTION_PANEL,
    FUSION_BOTTOM,
    FUSION_BUS,
    HEADS,
    MAPS,
    NAMES,
    ROW_MAP3,
    ROW_MAP4,
    ROW_POOLED3,
    SOFT,
    SOFT_PANEL,
)
from mdpr.visualization.architecture.numbers import ArchitectureNumbers
from mdpr.visualization.drawing import SYMBOL, TITLE, Sheet
from mdpr.visualization.geometry import Rect

__all__ = ["STAGE3_WIRE", "STAGE4_WIRE", "draw_soft_branch"]

STAGE3_WIRE, STAGE4_WIRE = 196, 288


def draw_soft_branch(sheet: Sheet, numbers: ArchitectureNumbers) -> None:
    """Draw the branch from the stem's output to its maps, which go to heads and to the fusion."""
    sheet.panel(SOFT_PANEL, SOFT)
    title = f"Soft content branch: $M$ = {numbers.num_attentions} attention maps"
    sheet.text(138, 403, title, size=TITLE, color=SOFT.edge, bold=True, align="left")
    _draw_stages(sheet)
    refine = sheet.box(Rect.around(242, ROW_MAP3, 52, 26), SOFT, "refine")
    sheet.wire((STAGE3_WIRE, ROW_MAP4), (STAGE3_WIRE, ROW_MAP3), refine.west, color=SOFT.edge)
    sheet.wire(refine.east, (317, ROW_MAP3), color=SOFT.edge)
    sheet.text(304, ROW_MAP3 - 15, r"$\hat{S}_3$", size=SYMBOL)
    for row, name in ((ROW_MAP4, "s_4"), (ROW_MAP3, "s_3")):
        _draw_map(sheet, row, name)
    sheet.wire((FUSION_BUS, ROW_MAP3), (FUSION_BUS, FUSION_BOTTOM), color=SOFT.edge)
    for row in (ROW_MAP4, ROW_MAP3):
        sheet.disc(FUSION_BUS, row, 3, SOFT.edge)
    _lead_to_attention(sheet)


def _draw_stages(sheet: Sheet) -> None:
    stage3 = sheet.box(Rect.around(158, ROW_MAP4, 48, 34), SOFT, "layer3")
    stage4 = sheet.box(Rect.around(242, ROW_MAP4, 48, 34), SOFT, "layer4")
    sheet.wire(stage3.east, stage4.west, color=SOFT.edge)
    sheet.wire(stage4.east, (317, ROW_MAP4), color=SOFT.edge)
    sheet.text(242, ROW_MAP4 + 27, "own weights")
    sheet.text(STAGE3_WIRE + 4, ROW_MAP4 - 14, "$S_3$", size=SYMBOL)
    sheet.text(STAGE4_WIRE, ROW_MAP4 - 14, "$S_4$", size=SYMBOL)


def _draw_map(sheet: Sheet, row: float, name: str) -> None:
    embed = sheet.box(Rect.around(342, row, 50, 26), SOFT, "embed")
    whole = Rect.around(MAPS, row, 18, 36)
    sheet.wire(embed.east, whole.west, color=SOFT.edge)
    sheet.wire((whole.right + 4, row), (HEADS.left, row), color=SOFT.edge)
    feature_map(sheet, whole, SOFT)
    sheet.text(NAMES, row - 13, f"${name}$", size=SYMBOL, name=f"map-{name}")


def _lead_to_attention(sheet: Sheet) -> None:
    """Both stages go down to their attention, in training."""
    sheet.gap(STAGE4_WIRE, ROW_MAP3, SOFT.panel)
    for x, top, row in (
        (STAGE3_WIRE, ROW_MAP3, ROW_POOLED3),
        (STAGE4_WIRE, ROW_MAP4, ATTENTION_PANEL.top),
    ):
        sheet.wire((x, top), (x, row), color=SOFT.edge, arrow=False, dashed=True)
    sheet.disc(STAGE3_WIRE, ROW_MAP3, 3, SOFT.edge)
    sheet.disc(STAGE3_WIRE, ROW_MAP4, 3, SOFT.edge)
    sheet.disc(STAGE4_WIRE, ROW_MAP4, 3, SOFT.edge)
