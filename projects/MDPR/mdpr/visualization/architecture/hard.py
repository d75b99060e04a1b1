"""The top of the picture: the hard content branch."""

from mdpr.visualization.architecture.icons import feature_map
from mdpr.visualization.architecture.layout import (
    FUSION_BUS,
    FUSION_TOP,
    HARD,
    HARD_PANEL,
    HEADS,
    MAPS,
    NAMES,
    PARTS_BUS,
    ROW_FIRST_PART,
    ROW_GLOBAL,
    ROW_LAST_PART,
)
from mdpr.visualization.architecture.numbers import ArchitectureNumbers
from mdpr.visualization.drawing import SYMBOL, TITLE, Sheet
from mdpr.visualization.geometry import Rect

__all__ = ["STAGES_ROW", "draw_hard_branch"]

STAGES_ROW = (ROW_FIRST_PART + ROW_LAST_PART) / 2
_STAGE4_MAP = Rect.around(280, STAGES_ROW, 46, 96)


def draw_hard_branch(sheet: Sheet, numbers: ArchitectureNumbers) -> None:
    """Draw the branch from the stem's output to its maps, which go to heads and to the fusion."""
    sheet.panel(HARD_PANEL, HARD)
    title = f"Hard content branch: $P$ = {numbers.num_parts} horizontal stripes"
    sheet.text(138, 29, title, size=TITLE, color=HARD.edge, bold=True, align="left")
    _draw_stages(sheet)
    _draw_global(sheet)
    for row, name in ((ROW_FIRST_PART, "p_1"), (ROW_LAST_PART, f"p_{numbers.num_parts}")):
        _draw_part(sheet, row, name)
    # The stripes go to the fusion together.
    sheet.gap(PARTS_BUS, ROW_GLOBAL, HARD.panel)
    sheet.wire((PARTS_BUS, ROW_FIRST_PART), (PARTS_BUS, FUSION_TOP), color=HARD.edge)
    for row in (ROW_FIRST_PART, ROW_LAST_PART):
        sheet.disc(PARTS_BUS, row, 3, HARD.edge)


def _draw_stages(sheet: Sheet) -> None:
    stage3 = sheet.box(Rect.around(158, STAGES_ROW, 48, 34), HARD, "layer3")
    stage4 = sheet.box(Rect.around(218, STAGES_ROW, 48, 34), HARD, "layer4")
    sheet.wire(stage3.east, stage4.west, color=HARD.edge)
    sheet.wire(stage4.east, _STAGE4_MAP.west, color=HARD.edge)
    sheet.text(188, STAGES_ROW + 30, "own weights")
    feature_map(sheet, _STAGE4_MAP, HARD)
    sheet.text(_STAGE4_MAP.x, STAGES_ROW - 24, "$G$", size=SYMBOL)
    cut = (_STAGE4_MAP.left + 1, STAGES_ROW), (_STAGE4_MAP.right + 4, STAGES_ROW)
    sheet.wire(*cut, color="white", arrow=False)
    sheet.text(_STAGE4_MAP.x, STAGES_ROW + 24, "cut")


def _draw_part(sheet: Sheet, row: float, name: str) -> None:
    embed = sheet.box(Rect.around(342, row, 50, 26), HARD, "embed")
    sheet.wire((_STAGE4_MAP.right + 4, row), embed.west, color=HARD.edge)
    stripe = Rect.around(MAPS, row, 18, 18)
    sheet.wire(embed.east, stripe.west, color=HARD.edge)
    sheet.wire((stripe.right + 4, row), (HEADS.left, row), color=HARD.edge)
    feature_map(sheet, stripe, HARD)
    sheet.text(NAMES, row - 12, f"${name}$", size=SYMBOL, name=f"map-{name}")


def _draw_global(sheet: Sheet) -> None:
    embed = sheet.box(Rect.around(342, ROW_GLOBAL, 50, 26), HARD, "embed")
    x, bottom = _STAGE4_MAP.south
    sheet.wire((x, bottom), (x, ROW_GLOBAL), embed.west, color=HARD.edge)
    whole = Rect.around(MAPS, ROW_GLOBAL, 18, 36)
    sheet.wire(embed.east, whole.west, color=HARD.edge)
    sheet.wire((whole.right + 4, ROW_GLOBAL), (HEADS.left, ROW_GLOBAL), color=HARD.edge)
    feature_map(sheet, whole, HARD)
    sheet.text(NAMES, ROW_GLOBAL - 12, "$g$", size=SYMBOL, name="map-g")
    sheet.wire((FUSION_BUS, ROW_GLOBAL), (FUSION_BUS, FUSION_TOP), color=HARD.edge)
    sheet.disc(FUSION_BUS, ROW_GLOBAL, 3, HARD.edge)
