"""The right of the picture: heads, their losses, mutual distillation and the test feature."""

from mdpr.visualization.architecture.layout import (
    DISTILLATION,
    DISTILLATION_PANEL,
    FUSION,
    HARD,
    HEADS,
    LOSS,
    ROW_FIRST_PART,
    ROW_FUSION,
    ROW_GLOBAL,
    ROW_LAST_PART,
    ROW_MAP3,
    ROW_MAP4,
    ROW_POOLED3,
    ROW_POOLED4,
    SHARED,
    SOFT,
    TEST_BUS,
    WIDTH,
)
from mdpr.visualization.architecture.numbers import ArchitectureNumbers
from mdpr.visualization.drawing import SYMBOL, TITLE, Sheet
from mdpr.visualization.geometry import Rect, Tint

__all__ = ["draw_distillation", "draw_heads", "draw_test_feature"]

_TESTED: tuple[tuple[float, Tint], ...] = (
    (ROW_FIRST_PART, HARD),
    (ROW_LAST_PART, HARD),
    (ROW_GLOBAL, HARD),
    (ROW_FUSION, FUSION),
    (ROW_MAP4, SOFT),
    (ROW_MAP3, SOFT),
)
_BAR = Rect(14, 790, WIDTH - 28, 34)


def draw_heads(sheet: Sheet) -> None:
    """Draw a head for every embedding, with its losses."""
    sheet.text(HEADS.x, 29, "Heads and losses", size=TITLE, bold=True, color=SHARED.edge)
    for row, tint in _TESTED:
        head = _draw_head(sheet, row, tint, "GeM · BNNeck", "cls + triplet", dashed=False)
        sheet.wire(head.east, (TEST_BUS, row), color=SHARED.edge, arrow=False)
        sheet.disc(TEST_BUS, row, 3, SHARED.edge)
    for row in (ROW_POOLED4, ROW_POOLED3):
        _draw_head(sheet, row, SOFT, "BNNeck", "cls", dashed=True)


def _draw_head(
    sheet: Sheet, row: float, tint: Tint, layers: str, losses: str, *, dashed: bool
) -> Rect:
    head = Rect.around(HEADS.x, row, HEADS.width, HEADS.height)
    sheet.box(head, tint, dashed=dashed)
    sheet.text(head.x, row - 10, layers)
    sheet.pill(Rect.around(head.x, row + 9, 96, 16), LOSS, losses)
    return head


def draw_distillation(sheet: Sheet) -> None:
    """Draw how the branches predict each other's feature."""
    panel, color = DISTILLATION_PANEL, DISTILLATION.edge
    sheet.panel(panel, DISTILLATION, dashed=True)
    for i, word in enumerate(("Mutual", "distillation")):
        sheet.text(panel.x, panel.top + 16 + 15 * i, word, size=TITLE, bold=True, color=color)
    middle = (ROW_GLOBAL + ROW_MAP4) / 2
    cosine = Rect.around(panel.x, middle, 110, 36)
    for row, toward, feature, predictor, own, other in (
        (ROW_GLOBAL, 1, "$z_1$", "$q_1$", -26, 26),
        (ROW_MAP4, -1, "$z_2$", "$q_2$", 26, -26),
    ):
        tint = HARD if row == ROW_GLOBAL else SOFT
        for shift, name in ((own, predictor), (other, "sg")):
            x = panel.x + shift
            box = Rect.around(x, row + toward * 46, 38, 28)
            near, far = (box.north, box.south) if toward > 0 else (box.south, box.north)
            sheet.wire((TEST_BUS, row), (x, row), near, color=tint.edge, dashed=True)
            sheet.box(box, tint)
            sheet.text(box.x, box.y, name, size=SYMBOL if "$" in name else 9)
            sheet.wire(far, (x, middle - toward * 18), color=tint.edge, dashed=True)
        sheet.disc(TEST_BUS, row, 3, SHARED.edge)
        sheet.text(panel.left + 17, row + toward * -12, feature, size=SYMBOL)
    sheet.pill(cosine, LOSS, "$-$ mean cosine", name="loss-distillation")


def draw_test_feature(sheet: Sheet, numbers: ArchitectureNumbers) -> None:
    """Draw the concatenation of every tested embedding, lengths to scale."""
    bracket = _BAR.top - 12
    sheet.wire((TEST_BUS, ROW_FIRST_PART), (TEST_BUS, bracket), color=SHARED.edge, arrow=False)
    sheet.text(TEST_BUS - 8, bracket - 13, "concatenate", align="right")
    ends = (_BAR.left, _BAR.top - 3), (_BAR.left, bracket), (_BAR.right, bracket)
    sheet.wire(*ends, (_BAR.right, _BAR.top - 3), color=SHARED.edge, arrow=False)
    lengths = numbers.test_feature
    total, left = sum(lengths.values()), _BAR.left
    for name, length in lengths.items():
        tint = {"f": FUSION, "s": SOFT}.get(name[0], HARD)
        segment = Rect(left, _BAR.top, _BAR.width * length / total, _BAR.height)
        sheet.area(segment, tint.fill, tint.edge)
        sheet.text(segment.x, segment.y, f"${name}$  {length}", name=f"test-{name}")
        left = segment.right
    sheet.text(
        _BAR.x,
        _BAR.bottom + 21,
        rf"$\bf{{Test\ feature}}$   $E(3+P) + 4E$ = {total} numbers, compared by cosine distance",
        size=TITLE,
        name="test-length",
    )
