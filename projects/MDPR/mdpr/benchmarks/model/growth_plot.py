"""How the time of an image grows with the batch, the image and the network, as a picture."""

from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mdpr.benchmarks.model.tables import growth_axes, growth_rows, place_of

__all__ = ["plot_growth"]

_MARKERS = ("o", "s", "^")


def plot_growth(results: dict[str, Any], file: Path) -> None:
    """Draw a panel for each thing that grows, with a line for each form of the network.

    Args:
        results: see `mdpr.benchmarks.model.run.measure_all`.
        file: the PNG to write.
    """
    axis_names = growth_axes(results)
    figure = Figure(figsize=(3.4 * len(axis_names), 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(axis_names), squeeze=False)[0]
    for panel, axis in zip(panels, axis_names, strict=True):
        rows = growth_rows(results, axis)
        for form, marker in zip(dict.fromkeys(row["form"] for row in rows), _MARKERS, strict=False):
            line = [row for row in rows if row["form"] == form]
            places = [place_of(row, axis) for row in line]
            panel.plot(places, [row["ms_per_image"] for row in line], marker=marker, label=form)
        panel.set(xlabel=axis, ylim=(0, None))
        panel.grid(axis="y", alpha=0.3)
    panels[0].set_ylabel("ms an image")
    panels[0].legend(frameon=False)
    figure.savefig(file, dpi=150)
