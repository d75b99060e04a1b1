"""The figures of the evaluation's benchmark as tables and a picture."""

import math
from collections.abc import Sequence

from benchmarks.growth_plot import Panel
from benchmarks.measuring import Row
from benchmarks.pages import Page, Results, table
from benchmarks.retrieval import DATASETS, GROWTH, QUICK, QUICK_GROWTH

# Of each task our stages, and those of fast-reid's that do the same.
COMPARED = {
    "rank": (["rank"], ["fast-reid: distances", "fast-reid: rank"]),
    "re-rank": (
        ["re-rank: encode", "re-rank: distances"],
        ["fast-reid: distances", "fast-reid: re-rank"],
    ),
}
WHOLE = ("rank", "re-rank: encode", "re-rank: distances and rank")
GROWING = ("rank", "neighbours", "neighbours and encode", "distances and rank")


def sections(results: Results, picture: str) -> list[str]:
    grown = growth(results)
    picture = f"![Time by number of images]({picture})" if grown else ""
    return [comparison(results), whole(results), grown, picture]


def stages(results: Results, problem: str, dimension: int, *names: str) -> list[Row]:
    """Find the measurements of some stages; empty where one of them was not run."""
    found = {
        row["stage"]: row
        for row in results["measurements"]
        if (row["problem"], row["dimension"]) == (problem, dimension)
    }
    return [found[name] for name in names] if all(name in found for name in names) else []


def comparison(results: Results) -> str:
    """Ranking and re-ranking, beside fast-reid's where those fit."""
    rows = []
    for problem in _problems(results):
        for task, sides in COMPARED.items():
            ours, theirs = (stages(results, *problem, *names) for names in sides)
            if ours and theirs:
                times = [sum(row["seconds"] for row in side) for side in (ours, theirs)]
                peaks = [_highest(side, "peak_megabytes") for side in (ours, theirs)]
                costs = [f"{times[0]:.2f}", peaks[0], f"{times[1]:.2f}", peaks[1]]
                rows.append([*map(str, problem), task, *costs, f"{times[1] / times[0]:.1f}x"])
    return table(rows, ["problem", "D", "task", "s", "MB", "fast-reid s", "fast-reid MB", "faster"])


def whole(results: Results) -> str:
    """A whole evaluation, plain and with re-ranking, and what the process took for it."""
    rows = []
    for problem in _problems(results):
        if found := stages(results, *problem, *WHOLE):
            seconds = [row["seconds"] for row in found]
            times = [f"{each:.2f}" for each in (*seconds, sum(seconds))]
            scores = [f"{found[number]['value']:.1f}" for number in (0, 2)]
            rows.append([*map(str, problem), *times, _highest(found, "process_megabytes"), *scores])
    headers = ["problem", "D", "rank s", "encode s", "distances and rank s", "all s", "process MB"]
    return table(rows, [*headers, "mAP %", "re-ranked mAP %"])


def growth_rows(results: Results) -> list[list[float]]:
    """Times at growing sizes.

    Returns:
        Rows of N images, Q G pairs, and seconds of ranking, of the neighbours, of encoding without
        them, and of re-ranked distances with their ranking.
    """
    dimensions = {row["problem"]: row["dimension"] for row in results["measurements"]}
    rows = []
    for size in QUICK_GROWTH if results["quick"] else GROWTH:
        names = (f"growth: {name}" for name in GROWING)
        if found := stages(results, size.name, dimensions.get(size.name, 0), *names):
            rank, near, both, rest = (row["seconds"] for row in found)
            pairs = size.num_query * size.num_gallery
            rows.append([size.num_images, pairs, rank, near, max(both - near, 0.0), rest])
    return rows


def growth(results: Results) -> str:
    rows = [
        [
            *(f"{images:,}", f"{rank:.3f}", f"{1e9 * rank / pairs:.1f}", f"{near:.3f}"),
            *(f"{encode:.3f}", f"{1e6 * encode / images:.1f}", f"{rest:.3f}"),
        ]
        for images, pairs, rank, near, encode, rest in growth_rows(results)
    ]
    headers = ["images N", "rank s", "ns a pair", "neighbours s", "encode s", "us an image"]
    return table(rows, [*headers, "distances and rank s"])


def panels(results: Results) -> list[Panel]:
    """Seconds against N, each with the growth that it should have."""
    rows = growth_rows(results)
    powers = {"rank": 2, "neighbours": 2, "encode": 1, "distances and rank": 2}
    lines = {label: [(row[0], row[column]) for row in rows] for column, label in enumerate(powers, 2)}
    title = "Dotted: growth with N (encode) or N\N{SUPERSCRIPT TWO} (the others)"
    axis = "images N (a tenth of them queries)"
    return [Panel(axis, "seconds", lines, powers, title)] if rows else []


PAGE = Page("evaluation", sections, panels)


def _problems(results: Results) -> list[tuple[str, int]]:
    """Names and dimensions, but of what shows growth."""
    names = [size.name for size in (*DATASETS.values(), QUICK)]
    found = {(row["problem"], row["dimension"]) for row in results["measurements"]}
    known = [key for key in found if key[0] in names]
    return sorted(known, key=lambda key: (key[1], names.index(key[0])))


def _highest(rows: Sequence[Row], key: str) -> str:
    """NaN where one is not known."""
    values = [row[key] for row in rows]
    return f"{math.nan if None in values else max(values):.0f}"
