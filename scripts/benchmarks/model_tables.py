"""Measurements of the network as tables and a picture."""

from typing import Final

from benchmarks.forms import PLAIN
from benchmarks.growth_plot import Panel
from benchmarks.measuring import Row
from benchmarks.pages import Page, Results, table

GROWTH: Final = "growth: "
COST_HEADERS: Final = [
    *("network", "form", "ms/image", "images/s", "speed-up", "GFLOP/image", "parameters (M)"),
    *("GFLOP/s", "of GEMM peak", "peak memory (MB)"),
]


def sections(results: Results, picture: str) -> list[str]:
    peaks = _peaks(results).items()
    return [
        "\n".join(f"- {dtype} matrix product: {rate / 1e9:.0f} GFLOP/s" for dtype, rate in peaks),
        *("### Features", costs(results, "eval")),
        *("### A training step", costs(results, "train")),
        *("### Growth", *(growth(results, axis) for axis in growth_axes(results))),
        f"![Time of an image by batch, image size and depth]({picture})",
        *("### Loader", loader(results)),
        *("### Start", start(results)),
    ]


def costs(results: Results, name: str) -> str:
    """What each form of a network takes, beside the plain one."""
    rows = _rows(results, name)
    plain = {row["name"]: row for row in rows if row["form"] == PLAIN}
    return table([_costs_of(row, plain[row["name"]], _peaks(results)) for row in rows], COST_HEADERS)


def _costs_of(row: Row, plain: Row, peaks: dict[str, float]) -> list[str]:
    per_second = 1e9 * row["gigaflops"] / row["seconds"]
    peak = peaks["bfloat16" if "bf16" in row["form"] else "float32"]
    memory = row.get("peak_megabytes")
    return [
        row["name"],
        row["form"],
        f"{row['ms_per_image']:.1f}",
        f"{row['images_per_second']:.1f}",
        f"{plain['seconds'] / row['seconds']:.2f}x",
        f"{row['gigaflops'] / row['network']['batch']:.1f}",
        f"{row['parameters'] / 1e6:.1f}",
        f"{per_second / 1e9:.0f}",
        f"{100 * per_second / peak:.0f} %",
        "" if memory is None else f"{memory:.0f} ({memory / plain['peak_megabytes']:.2f}x)",
    ]


def growth_axes(results: Results) -> list[str]:
    """What grows, in the order measured: "batch", "pixels", "depth"."""
    tables = dict.fromkeys(row["table"] for row in results["rows"])
    return [name.removeprefix(GROWTH) for name in tables if name.startswith(GROWTH)]


def growth_lines(results: Results, axis: str) -> dict[str, list[tuple[str, float]]]:
    """By form, the places on an axis and the milliseconds an image there."""
    lines: dict[str, list[tuple[str, float]]] = {}
    for row in _rows(results, f"{GROWTH}{axis}"):
        places = {"batch": str(row["network"]["batch"]), "pixels": _pixels(row)}
        place = str(places.get(axis, row["name"]))
        lines.setdefault(row["form"], []).append((place, row["ms_per_image"]))
    return lines


def growth(results: Results, axis: str) -> str:
    lines = growth_lines(results, axis)
    cells = [
        [points[0][0], *(f"{milliseconds:.1f}" for _, milliseconds in points)]
        for points in zip(*lines.values(), strict=True)
    ]
    return table(cells, [axis, *(f"{form}, ms/image" for form in lines)])


def panels(results: Results) -> list[Panel]:
    return [Panel(axis, "ms an image", growth_lines(results, axis)) for axis in growth_axes(results)]


def loader(results: Results) -> str:
    rows = _rows(results, "loader")
    cells = [[row["form"], _pixels(row), f"{row['images_per_second']:.0f}"] for row in rows]
    return table(cells, ["images from", "pixels", "images/s of one process"])


def start(results: Results) -> str:
    """Seconds of the imports, and of the first image."""
    imports = results["import"]
    cells = [
        ["`import torch`", f"{imports['torch']:.1f}"],
        ["`import mdpr`, after torch", f"{imports['mdpr']:.1f}"],
    ]
    for row in _rows(results, "first image"):
        what = f"first image through a loaded {row['name']}, {row['form']}"
        cells.append([what, f"{row['seconds']:.2f}"])
    return table(cells, ["", "s"])


PAGE = Page("speed", sections, panels)


def _rows(results: Results, name: str) -> list[Row]:
    return [row for row in results["rows"] if row["table"] == name]


def _pixels(row: Row) -> str:
    return "{} x {}".format(*row["network"]["size"])


def _peaks(results: Results) -> dict[str, float]:
    return {row["dtype"]: row["flops_per_second"] for row in _rows(results, "peak")}
