"""Small pictures within the picture: the person, attention over them, feature maps."""

from mdpr.visualization.architecture.layout import LOSS
from mdpr.visualization.drawing import Sheet
from mdpr.visualization.geometry import Point, Rect, Tint

__all__ = ["attention_map", "feature_map", "person"]

_HEAD = (0.5, 0.15, 0.15)  # centre and radius, over the width of the frame
_TORSO = ((0.36, 0.25), (0.64, 0.25), (0.80, 0.56), (0.68, 0.58), (0.64, 0.46), (0.64, 0.60))
_LEGS = ((0.36, 0.58), (0.64, 0.58), (0.70, 0.95), (0.56, 0.95), (0.50, 0.70), (0.44, 0.95))


def person(
    sheet: Sheet, frame: Rect, *, ground: str, head: str, torso: str, legs: str, edge: str
) -> None:
    """Draw a person that fills a frame, in the given colours."""
    sheet.area(frame, ground, edge)
    left_arm = tuple((1 - x, y) for x, y in reversed(_TORSO))
    sheet.polygon(_within(frame, _TORSO + left_arm), torso)
    sheet.polygon(_within(frame, (*_LEGS, (0.30, 0.95))), legs)
    x, y, radius = _HEAD
    sheet.disc(
        frame.left + x * frame.width, frame.top + y * frame.height, radius * frame.width, head
    )


def attention_map(sheet: Sheet, frame: Rect, tint: Tint, lit: str) -> None:
    """Draw an attention map.

    Args:
        sheet: to draw on.
        frame: where.
        tint: colours of the map.
        lit: where attention is: "torso", "legs" or "ground"; the ground's map is crossed out.
    """
    low, high = "#d5e4f3", "#e8842c"
    colors = {part: high if part == lit else low for part in ("torso", "legs", "ground")}
    dark = "#8fb3d6"
    if lit != "ground":
        colors["ground"] = dark
    person(sheet, frame, head=low, edge=tint.edge, **colors)
    if lit == "ground":
        corners = (frame.left - 2, frame.top - 2), (frame.right + 2, frame.bottom + 2)
        (left, top), (right, bottom) = corners
        sheet.wire((left, top), (right, bottom), color=LOSS, arrow=False)
        sheet.wire((left, bottom), (right, top), color=LOSS, arrow=False)


def feature_map(sheet: Sheet, frame: Rect, tint: Tint) -> Rect:
    """Draw a feature map as a stack of channels; give back where it lies."""
    for shift in (4, 2, 0):
        sheet.area(
            Rect(frame.left + shift, frame.top - shift, frame.width, frame.height),
            tint.fill,
            tint.edge,
        )
    return frame


def _within(frame: Rect, points: tuple[Point, ...]) -> list[Point]:
    return [(frame.left + x * frame.width, frame.top + y * frame.height) for x, y in points]
