"""Foreground attention and what it pools: the part of the soft branch for training only."""

from mdpr.visualization.architecture.icons import attention_map
from mdpr.visualization.architecture.layout import (
    ATTENTION_PANEL,
    HEADS,
    LOSS,
    ROW_POOLED3,
    ROW_POOLED4,
    SOFT,
)
from mdpr.visualization.architecture.numbers import ArchitectureNumbers
from mdpr.visualization.architecture.soft import STAGE3_WIRE, STAGE4_WIRE
from mdpr.visualization.drawing import SYMBOL, Sheet
from mdpr.visualization.geometry import Rect, Tint

__all__ = ["draw_attention"]

_PANEL = Tint(panel="#fafcff", fill="white", edge=SOFT.edge)


def draw_attention(sheet: Sheet, numbers: ArchitectureNumbers) -> None:
    """Draw attention at stages 4 and 3, from the wires that the soft branch led here."""
    sheet.panel(ATTENTION_PANEL, _PANEL, dashed=True)
    title = "foreground attention, in training only"
    sheet.text(310, ATTENTION_PANEL.top + 15, title, align="left", bold=True, color=SOFT.edge)
    sheet.wire(
        (STAGE4_WIRE, ATTENTION_PANEL.top),
        (STAGE4_WIRE, ROW_POOLED4),
        (299, ROW_POOLED4),
        color=SOFT.edge,
        dashed=True,
    )
    sheet.wire((STAGE3_WIRE, ROW_POOLED3), (299, ROW_POOLED3), color=SOFT.edge, dashed=True)
    upper = _draw_level(sheet, ROW_POOLED4, "4", "S_4", numbers)
    lower = _draw_level(sheet, ROW_POOLED3, "3", r"\hat{S}_3", numbers)
    sheet.wire(upper.south, lower.north, color=SOFT.edge, dashed=True)
    sheet.text(upper.x - 8, (upper.y + lower.y) / 2, "guides", align="right")


def _draw_level(
    sheet: Sheet, row: float, level: str, stage: str, numbers: ArchitectureNumbers
) -> Rect:
    """Draw one level; give back where its logits are computed."""
    logits = sheet.box(Rect.around(331, row, 64, 36), SOFT, "attention", f"logits $L_{level}$")
    frames = [Rect.around(x, row, 20, 40) for x in (431, 455, 482)]
    sheet.wire(logits.east, (frames[0].left - 2, row), color=SOFT.edge, dashed=True)
    sheet.text(391, row - 11, "softmax")
    for frame, lit in zip(frames, ("torso", "legs", "ground"), strict=True):
        attention_map(sheet, frame, SOFT, lit)
    sheet.text(443, row - 31, f"$A_{level}$", size=SYMBOL, name=f"attention-{level}")
    sheet.text(frames[2].x, row - 30, "bg")
    area = f"{numbers.area_scale:g} · area"
    sheet.pill(Rect.around(444, row + 34, 88, 16), LOSS, area, name=f"loss-area-{level}")
    pool = sheet.box(Rect.around(548, row, 84, 36), SOFT, rf"$\odot\, {stage}$", "embed, GeM")
    sheet.wire((frames[2].right + 2, row), pool.west, color=SOFT.edge, dashed=True)
    sheet.pill(
        Rect.around(548, row + 34, 84, 16), LOSS, "diversity", name=f"loss-diversity-{level}"
    )
    sheet.wire(pool.east, (HEADS.left, row), color=SOFT.edge, dashed=True)
    sheet.text(613, row - 14, f"$b_{level}$", size=SYMBOL)
    return logits
