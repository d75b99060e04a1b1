"""A study as a picture: every seed a point, and the mean with its interval."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from mdpr.errors import InputError
from mdpr.files import write_atomically
from mdpr.inference.extras import optional
from mdpr.study.comparison import LEVEL, Line

_SUFFIXES = (".png", ".pdf", ".svg")


def draw(lines: Sequence[Line], title: str, out: Path) -> None:
    """Draw mAP of every row, a plot a test set, to a new file.

    Raises:
        InputError: nothing is finished, a file that is there or of another kind, or matplotlib is missing.
    """
    if out.suffix not in _SUFFIXES or out.exists():
        wrong = "is there already" if out.exists() else f"is none of {', '.join(_SUFFIXES)}"
        raise InputError(f"--plot {out} {wrong}: name another file")
    tables = [(name, list(group)) for name, group in groupby(lines, lambda line: line.title)]
    if not tables:
        raise InputError(f"--plot {out}: no run is finished, there is nothing to draw")
    height = sum(0.4 * len(group) + 0.9 for _, group in tables) + 0.4
    figure = optional("matplotlib.figure", "pictures").Figure((7, height), layout="constrained")
    ratios = [len(group) + 1 for _, group in tables]
    grid = figure.subplots(len(tables), 1, squeeze=False, height_ratios=ratios)[:, 0]
    figure.suptitle(title)
    for axes, (name, group) in zip(grid, tables, strict=True):
        for place, line in enumerate(group):
            axes.plot(list(line.maps.values()), [place] * len(line.maps), "o", color="#31688e", alpha=0.5)
            mean = line.scores["mAP"]
            error = mean.half_width if mean.n > 1 else None
            axes.errorbar(mean.mean, place, xerr=error, fmt="|", color="black", markersize=12, capsize=4)
        axes.set_yticks(range(len(group)), [line.row for line in group])
        axes.set_ylim(len(group) - 0.5, -0.5)
        axes.set_title(name, loc="left", fontsize=10)
        axes.grid(axis="x", alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    grid[-1].set_xlabel(f"mAP in percent: each seed, the mean, and its {LEVEL:.0%} interval over seeds")
    with write_atomically(out, "wb") as file:
        figure.savefig(file, format=out.suffix[1:])
