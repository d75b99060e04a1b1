"""Places and colours of a diagram, in CSS pixels from the top left corner, y downwards."""

from dataclasses import dataclass

__all__ = ["Point", "Rect", "Tint", "arrow_head"]

Point = tuple[float, float]


@dataclass(frozen=True)
class Tint:
    """The three colours of one part of a diagram, from light to dark."""

    panel: str
    fill: str
    edge: str


@dataclass(frozen=True)
class Rect:
    """Where something lies; its four ends are where wires meet it."""

    left: float
    top: float
    width: float
    height: float

    @classmethod
    def around(cls, x: float, y: float, width: float, height: float) -> "Rect":
        """The rectangle whose centre is (x, y)."""
        return cls(x - width / 2, y - height / 2, width, height)

    @property
    def right(self) -> float:
        """The right edge."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return self.top + self.height

    @property
    def x(self) -> float:
        """The centre, across."""
        return self.left + self.width / 2

    @property
    def y(self) -> float:
        """The centre, down."""
        return self.top + self.height / 2

    @property
    def west(self) -> Point:
        """The middle of the left edge."""
        return self.left, self.y

    @property
    def east(self) -> Point:
        """The middle of the right edge."""
        return self.right, self.y

    @property
    def north(self) -> Point:
        """The middle of the upper edge."""
        return self.x, self.top

    @property
    def south(self) -> Point:
        """The middle of the lower edge."""
        return self.x, self.bottom


def arrow_head(
    start: Point, end: Point, *, length: float, width: float
) -> tuple[Point, tuple[Point, Point, Point]]:
    """The head of an arrow whose last stretch is level or upright.

    Args:
        start: where the last stretch starts.
        end: the tip.
        length: of the head.
        width: of the head.

    Returns:
        Where the shaft ends, and the corners of the head.
    """
    (x0, y0), (x1, y1) = start, end
    right, down = (x1 > x0) - (x1 < x0), (y1 > y0) - (y1 < y0)
    x, y = x1 - length * right, y1 - length * down
    across, along = width / 2 * down, width / 2 * right
    return (x, y), (end, (x + across, y + along), (x - across, y - along))
