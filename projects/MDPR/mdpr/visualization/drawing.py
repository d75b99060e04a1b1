"""A small vocabulary for block diagrams: panels, boxes, pills, wires and labels on a sheet.

Lengths are CSS pixels from the top left corner, y downwards; font sizes are points (12 pixels are
9 points). A diagram is drawn the same on every machine: letters are stored as outlines of the font
that comes with matplotlib, and files hold no date.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from matplotlib import style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, FancyBboxPatch, Patch, Polygon
from matplotlib.patches import Rectangle as RectanglePatch

from mdpr.visualization.geometry import Point, Rect, Tint, arrow_head

__all__ = ["INK", "SMALL", "SYMBOL", "TITLE", "Sheet", "same_everywhere"]

INK = "#2b2b30"
SMALL, TITLE, SYMBOL = 9.0, 10.5, 12.0
_DASHES = (3.2, 2.0)
_PIXELS_PER_INCH = 96
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "mathtext.fontset": "dejavusans",
    "svg.fonttype": "path",
    "svg.hashsalt": "mdpr",
    "path.simplify": False,
}


def same_everywhere() -> AbstractContextManager[None]:
    """Within this context, sheets do not depend on the user's settings of matplotlib."""
    return style.context(_STYLE, after_reset=True)


class Sheet:
    """A white sheet, drawn on and saved within `same_everywhere`. What is drawn later lies on top."""

    def __init__(self, width: float, height: float) -> None:
        self._figure = Figure(figsize=(width / _PIXELS_PER_INCH, height / _PIXELS_PER_INCH))
        self._axes = self._figure.add_axes((0, 0, 1, 1))
        self._axes.set(xlim=(0, width), ylim=(height, 0))
        self._axes.set_axis_off()
        self._drawn = 0

    def save(self, path: str | Path, *, title: str, description: str) -> None:
        """Write an SVG or a PNG, as the suffix says.

        Args:
            path: the file; its folder is made where it is missing.
            title: what the picture is, for programs that read it aloud; SVG only.
            description: what the picture shows, likewise.

        Raises:
            ValueError: the suffix is neither .svg nor .png.
        """
        path = Path(path)
        words = {"Title": title, "Description": description, "Date": None, "Creator": None}
        options: dict[str, dict[str, Any]] = {
            ".svg": {"metadata": words},
            ".png": {"metadata": {"Software": None}, "dpi": 2 * _PIXELS_PER_INCH},
        }
        if path.suffix not in options:
            raise ValueError(f"cannot draw {path.name}: expected a name that ends in .svg or .png")
        path.parent.mkdir(parents=True, exist_ok=True)
        FigureCanvasAgg(self._figure).print_figure(path, **options[path.suffix])

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = SMALL,
        color: str = INK,
        bold: bool = False,
        align: str = "center",
        name: str | None = None,
    ) -> None:
        """Write one line.

        Args:
            x: its left end, centre or right end, as ``align`` says.
            y: its middle.
            text: plain, or between dollar signs mathematics.
            size: points.
            color: of the letters.
            bold: for titles.
            align: "left", "center" or "right".
            name: the ``id`` of the text in an SVG.
        """
        weight = "bold" if bold else "normal"
        drawn = self._axes.text(x, y, text, size=size, color=color, weight=weight, ha=align)
        drawn.set(verticalalignment="center_baseline", gid=name, zorder=self._next())

    def panel(self, rect: Rect, tint: Tint, *, dashed: bool = False) -> None:
        """Mark out what belongs together; dashed where it is there in training only."""
        self._rounded(rect, tint.panel, tint.edge, radius=8, width=0.9, dashed=dashed)

    def box(self, rect: Rect, tint: Tint, *lines: str, dashed: bool = False) -> Rect:
        """Draw an operation, with its name on one or more lines; give back where it lies."""
        self._rounded(rect, tint.fill, tint.edge, radius=4, width=1.0, dashed=dashed)
        for i, line in enumerate(lines):
            self.text(rect.x, rect.y + (i - (len(lines) - 1) / 2) * 13, line)
        return rect

    def pill(self, rect: Rect, color: str, text: str, *, name: str | None = None) -> None:
        """Draw a small tag, such as a loss."""
        self._rounded(rect, "white", color, radius=rect.height / 2, width=1.0)
        self.text(rect.x, rect.y, text, color=color, name=name)

    def gap(self, x: float, y: float, color: str) -> None:
        """Interrupt a wire where another is about to cross it; ``color`` is that of the ground."""
        self.area(Rect.around(x, y, 8, 6), color)

    def area(self, rect: Rect, fill: str, edge: str = "none") -> None:
        """Fill a plain rectangle."""
        self._add(
            RectanglePatch((rect.left, rect.top), rect.width, rect.height, fc=fill, ec=edge, lw=0.9)
        )

    def disc(self, x: float, y: float, radius: float, fill: str) -> None:
        """Fill a circle."""
        self._add(Circle((x, y), radius, fc=fill, ec="none"))

    def polygon(self, points: Sequence[Point], fill: str) -> None:
        """Fill a polygon."""
        self._add(Polygon(points, closed=True, fc=fill, ec="none"))

    def wire(
        self,
        *points: Point,
        color: str,
        arrow: bool = True,
        dashed: bool = False,
    ) -> None:
        """Draw a line through points.

        Args:
            points: two or more; with an arrow, the last two lie beside or above each other.
            color: of the line and its arrow head.
            arrow: whether it ends in an arrow head.
            dashed: whether it is there in training only.
        """
        if not arrow:
            self._line(points, color, dashed)
            return
        base, head = arrow_head(points[-2], points[-1], length=6, width=7.2)
        self._line((*points[:-1], base), color, dashed)
        self.polygon(head, color)

    def _line(self, points: Sequence[Point], color: str, dashed: bool) -> None:
        xs, ys = zip(*points, strict=True)
        line = Line2D(xs, ys, color=color, linewidth=1.4, solid_joinstyle="round")
        line.set(solid_capstyle="butt", zorder=self._next())
        if dashed:
            line.set_dashes(_DASHES)
        self._axes.add_line(line)

    def _rounded(
        self,
        rect: Rect,
        fill: str,
        edge: str,
        *,
        radius: float,
        width: float,
        dashed: bool = False,
    ) -> None:
        patch = FancyBboxPatch(
            (rect.left, rect.top),
            rect.width,
            rect.height,
            boxstyle=f"round,pad=0,rounding_size={radius}",
            fc=fill,
            ec=edge,
            lw=width,
        )
        if dashed:
            patch.set_linestyle((0, _DASHES))
        self._add(patch)

    def _add(self, patch: Patch) -> None:
        patch.set_zorder(self._next())
        self._axes.add_patch(patch)

    def _next(self) -> int:
        self._drawn += 1
        return self._drawn
