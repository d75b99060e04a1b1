"""Time by number of images, as a picture."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

__all__ = ["plot_growth"]

_LINES = (("rank", 2, 2), ("neighbours", 3, 2), ("encode", 4, 1), ("distances and rank", 5, 2))


def plot_growth(rows: Sequence[Sequence[float]], file: Path) -> None:
    """Draw seconds against N on logarithmic axes, each with the growth that it should have.

    Args:
        rows: see `mdpr.benchmarks.evaluation_page.growth_rows`, by ascending N.
        file: the PNG to write.
    """
    figure = Figure(figsize=(7.0, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    images = [row[0] for row in rows]
    for label, column, power in _LINES:
        seconds = [row[column] for row in rows]
        (line,) = axes.plot(images, seconds, marker="o", label=label)
        # A power law through the largest size.
        expected = [seconds[-1] * (n / images[-1]) ** power for n in images]
        axes.plot(images, expected, color=line.get_color(), linestyle=":", linewidth=1)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(images, [f"{n:,.0f}" for n in images])
    axes.minorticks_off()
    axes.set_xlabel("images N (a tenth of them queries)")
    axes.set_ylabel("seconds")
    axes.set_title(
        "Dotted: growth with N (encode) or N\N{SUPERSCRIPT TWO} (the others)", fontsize=10
    )
    axes.grid(which="major", alpha=0.3)
    axes.legend()
    figure.savefig(file, dpi=150)
