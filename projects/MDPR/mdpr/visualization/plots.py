"""One curve, or one panel, on matplotlib's axes: each takes these, a name for the legend, and its data."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mdpr.evaluation.paired import PairedDifference
from mdpr.evaluation.saved_files.features import SavedFeatures
from mdpr.evaluation.saved_files.rankings import SavedRankings
from mdpr.visualization.curve_data import BINS, camera_pair_map, embedding_map, error_rates, pair_counts

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Scalars: TypeAlias = Sequence[Mapping[str, float]]  # lines of metrics.json

# Told apart with any colour vision (Okabe and Ito), and by their lines and markers without colour.
COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
LINES: Final = ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)), (0, (3, 1, 1, 1, 1, 1)))
MARKERS: Final = "osD^vPX"
_RANKS: Final = 50
_CAMERAS_WRITTEN: Final = 10  # with more, numbers in the cells would not be legible
_LEAST_RATE: Final = 1e-6


def draw_cmc(axes: "Axes", name: str, rankings: SavedRankings) -> None:
    """Share of the queries with a match within the first 1 .. 50 images."""
    first = rankings.first_match_rank[rankings.num_matches > 0]
    ranks = np.arange(1, min(_RANKS, len(rankings.gallery_person)) + 1)
    axes.plot(ranks, [100 * np.mean(first < rank) for rank in ranks], label=name)
    axes.set(
        xticks=(1, 5, 10, 20, 30, 40, 50),
        xlabel="rank (images)",
        ylabel="queries with a match so far (%)",
        title="CMC",
    )


def draw_average_precision(axes: "Axes", name: str, rankings: SavedRankings) -> None:
    """How many queries have which average precision."""
    values = 100 * rankings.average_precision[rankings.num_matches > 0]
    label = f"{name}: mAP {values.mean():.1f} %"
    weights = np.full(len(values), 100 / len(values))
    axes.hist(values, 20, range=(0, 100), weights=weights, histtype="step", linewidth=1.5, label=label)
    axes.set(xlabel="average precision of a query (%)", ylabel="queries (%)", title="Average precision")


def draw_differences(
    axes: "Axes", name: str, difference: NDArray[np.float64], found: PairedDifference
) -> None:
    """How many queries gain and lose how much, in points of average precision, and the mean."""
    axes.hist(difference, 40, range=(-100, 100), color=COLOURS[4])
    axes.axvline(0, color="0.3", linewidth=1, linestyle="--")
    axes.axvline(found.mean, color=COLOURS[1], label=f"mean {found.mean:+.2f}")
    if found.low < found.high:
        label = f"its 95 % interval, {found.low:+.2f} to {found.high:+.2f}"
        axes.axvspan(found.low, found.high, color=COLOURS[1], alpha=0.3, linewidth=0, label=label)
    axes.set(
        yscale="symlog", xlabel="change of a query's average precision (points)", ylabel="queries", title=name
    )


def draw_roc(axes: "Axes", name: str, saved: SavedFeatures) -> None:
    """Matches found for each share of false ones."""
    false, true = error_rates(saved)
    axes.plot(np.maximum(false, _LEAST_RATE), 100 * true, label=name)
    axes.set(xscale="log", xlim=(_LEAST_RATE, 1), ylim=(0, 101), title="ROC")
    axes.set(xlabel="false matches (share of pairs)", ylabel="true matches found (% of pairs)")


def draw_det(axes: "Axes", name: str, saved: SavedFeatures) -> None:
    """Matches missed for each share of false ones."""
    false, true = error_rates(saved)
    shown = (false > 0) & (true < 1)
    axes.plot(false[shown], 1 - true[shown], label=name)
    axes.set(xscale="log", yscale="log", title="DET")
    axes.set(xlabel="false matches (share of pairs)", ylabel="true matches missed (share of pairs)")


def draw_similarities(axes: "Axes", name: str, saved: SavedFeatures) -> None:
    """How alike pairs of different persons and of one person are."""
    edges = np.linspace(-1, 1, BINS // 20 + 1)  # steps of 0.02
    for counts, who in zip(pair_counts(saved), ("different persons", "same person"), strict=True):
        coarse = 100 * counts.reshape(-1, 20).sum(axis=1) / max(1, counts.sum())
        axes.stairs(coarse, edges, label=f"{who} ({counts.sum():,} pairs)", alpha=0.5, fill=True)
    axes.set(xlabel="cosine similarity", ylabel="pairs of this kind (%)", title=name)


def draw_camera_pairs(axes: "Axes", name: str, saved: SavedFeatures) -> None:
    """The mAP from each camera to each other one."""
    cameras, table = camera_pair_map(saved)
    picture = axes.imshow(100 * table, cmap="cividis", vmin=0, vmax=100)
    axes.figure.colorbar(picture, ax=axes, label="mAP (%)", shrink=0.8)
    ticks = range(len(cameras))
    axes.set(xticks=ticks, xticklabels=cameras, yticks=ticks, yticklabels=cameras, title=name)
    axes.set(xlabel="camera of the gallery", ylabel="camera of the query")
    for row, column in np.argwhere(~np.isnan(table)) if len(cameras) <= _CAMERAS_WRITTEN else ():
        value = table[row, column]
        colour = "black" if value > 0.5 else "white"
        axes.text(column, row, f"{100 * value:.0f}", ha="center", va="center", color=colour)


def draw_embedding_map(axes: "Axes", name: str, saved: SavedFeatures, *, method: str = "pca") -> None:
    """Images on a plane; of the persons who are queries those of most images in colours of their own."""
    places, (first, second) = embedding_map(saved, method)
    queried = np.isin(saved.person, saved.labels.query_person)  # neither junk nor distractors
    person, counts = np.unique(saved.person[queried], return_counts=True)
    most = person[np.argsort(-counts, kind="stable")][: len(COLOURS)]
    axes.plot(*places[~np.isin(saved.person, most)].T, ".", color="0.8", markersize=3, label="others")
    for one, colour, marker in zip(most, COLOURS, MARKERS, strict=False):
        mine = places[saved.person == one].T
        axes.plot(*mine, marker, color=colour, markersize=6, markeredgecolor="white", label=f"person {one}")
    axes.set(xlabel=first, ylabel=second, title=name)


def draw_losses(axes: "Axes", name: str, scalars: Scalars) -> None:
    """The loss terms by the part of the method that they train, and their sum."""
    groups = [key for key in scalars[-1] if key.startswith("loss_group/")]
    for key in [*groups, "total_loss"]:
        _plot_scalar(axes, scalars, key, key.removeprefix("loss_group/").replace("_", " "))
    axes.set(yscale="symlog", xlabel="iteration", ylabel="loss (no unit)", title=name)


def draw_learning_rate(axes: "Axes", name: str, scalars: Scalars) -> None:
    """The learning rate over the run."""
    _plot_scalar(axes, scalars, "lr", name)
    axes.set(xlabel="iteration", ylabel="learning rate (no unit)", title="Learning rate")
    axes.ticklabel_format(axis="y", scilimits=(0, 0))


def _plot_scalar(axes: "Axes", scalars: Scalars, key: str, label: str) -> None:
    points = [(line["iteration"], line[key]) for line in scalars if key in line]
    axes.plot(*zip(*points, strict=True), label=label)
