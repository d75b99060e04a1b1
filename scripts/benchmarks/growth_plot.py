"""How times grow, as a picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


@dataclass(frozen=True)
class Panel:
    """One thing that grows.

    Attributes:
        axis: what it is.
        unit: of the times.
        lines: by label, (size, time) in ascending order; all have the same sizes.
        powers: by label, the power of the size that the time should grow with, where that is known. Dotted
            lines show it, and both axes are logarithmic. Without them sizes are texts, evenly spaced.
        title: above the panel.
    """

    axis: str
    unit: str
    lines: Mapping[str, Sequence[tuple[float | str, float]]]
    powers: Mapping[str, int] = field(default_factory=dict)
    title: str = ""


def plot_growth(panels: Sequence[Panel], file: Path) -> None:
    """Write a PNG of panels side by side."""
    figure = Figure(figsize=(max(7.0, 3.4 * len(panels)), 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    labels = list(dict.fromkeys(label for panel in panels for label in panel.lines))
    colours = {label: f"C{number}" for number, label in enumerate(labels)}  # the same in each panel
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        _draw(axes, panel, colours)
    figure.axes[0].set_ylabel(panels[0].unit)
    lines = {line.get_label(): line for axes in figure.axes for line in axes.get_lines()}
    figure.legend(
        [lines[label] for label in labels], labels, loc="outside lower center", ncols=4, frameon=False
    )
    figure.savefig(file, dpi=150)


def _draw(axes: Axes, panel: Panel, colours: Mapping[str, str]) -> None:
    for label, points in panel.lines.items():
        sizes, times = zip(*points, strict=True)
        places = sizes if panel.powers else range(len(sizes))
        axes.plot(places, times, marker="o", label=label, color=colours[label])
        if label in panel.powers:  # a power law through the largest size
            expected = [times[-1] * (size / sizes[-1]) ** panel.powers[label] for size in sizes]
            axes.plot(places, expected, color=colours[label], linestyle=":", linewidth=1)
    if panel.powers:
        axes.set(xscale="log", yscale="log")
        axes.minorticks_off()
    else:
        axes.set_ylim(0, None)
    axes.set_xticks(places, [f"{size:,}" if panel.powers else size for size in sizes])
    axes.set_xlabel(panel.axis)
    axes.set_title(panel.title, fontsize=10)
    axes.grid(alpha=0.3)
