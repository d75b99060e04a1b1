"""Measurements of the network as tables."""

from typing import Any, Final

from tabulate import tabulate

from mdpr.benchmarks.model.forms import PLAIN

__all__ = ["growth_axes", "growth_rows", "markdown", "place_of"]

GROWTH: Final = "growth: "

Rows = list[dict[str, Any]]


def markdown(results: dict[str, Any], plot: str) -> str:
    """Lay out everything.

    Args:
        results: see `mdpr.benchmarks.model.run.measure_all`.
        plot: file name of the picture of growth.
    """
    lines = [f"- {name}: {text}" for name, text in results["machine"].items()]
    lines += [
        f"- {dtype} matrix product: {rate / 1e9:.0f} GFLOP/s"
        for dtype, rate in _peaks(results).items()
    ]
    if results["quick"]:
        lines.insert(0, "- a trial run on small networks, whose figures mean nothing")
    parts = ["\n".join(lines)]
    parts += [
        "### Features",
        _costs(results, "eval"),
        "### A training step",
        _costs(results, "train"),
    ]
    parts.append("### Growth")
    parts += [_growth(results, axis) for axis in growth_axes(results)]
    parts += [f"![Time of an image by batch, image size and depth]({plot})"]
    parts += ["### Loader", _loader(results), "### Start", _start(results)]
    return "\n\n".join(parts)


def growth_axes(results: dict[str, Any]) -> list[str]:
    """What grows, in the order measured: "batch", "pixels", "depth"."""
    tables = dict.fromkeys(row["table"] for row in results["rows"])
    return [table.removeprefix(GROWTH) for table in tables if table.startswith(GROWTH)]


def growth_rows(results: dict[str, Any], axis: str) -> Rows:
    """The measurements along one axis."""
    return [row for row in results["rows"] if row["table"] == f"{GROWTH}{axis}"]


def _costs(results: dict[str, Any], table: str) -> str:
    rows = [row for row in results["rows"] if row["table"] == table]
    return _table([_cost_cells(row, rows, _peaks(results)) for row in rows], _COST_HEADERS)


_COST_HEADERS = [
    *("network", "form", "ms/image", "images/s", "speed-up", "GFLOP/image", "parameters (M)"),
    *("GFLOP/s", "of GEMM peak", "peak memory (MB)"),
]


def _cost_cells(row: dict[str, Any], rows: Rows, peaks: dict[str, float]) -> list[str]:
    plain = _plain_of(row, rows)
    batch, per_second = row["network"]["batch"], 1e9 * row["gigaflops"] / row["seconds"]
    peak = peaks["bfloat16" if "bf16" in row["form"] else "float32"]
    memory = row.get("peak_megabytes")
    return [
        row["name"],
        row["form"],
        f"{row['ms_per_image']:.1f}",
        f"{row['images_per_second']:.1f}",
        f"{plain['seconds'] / row['seconds']:.2f}x",
        f"{row['gigaflops'] / batch:.1f}",
        f"{row['parameters'] / 1e6:.1f}",
        f"{per_second / 1e9:.0f}",
        f"{100 * per_second / peak:.0f} %",
        "" if memory is None else f"{memory:.0f} ({memory / plain['peak_megabytes']:.2f}x)",
    ]


def _growth(results: dict[str, Any], axis: str) -> str:
    rows = growth_rows(results, axis)
    forms = list(dict.fromkeys(row["form"] for row in rows))
    times: dict[str, dict[str, float]] = {}
    for row in rows:
        times.setdefault(place_of(row, axis), {})[row["form"]] = row["ms_per_image"]
    lines = [[place, *(f"{ms[form]:.1f}" for form in forms)] for place, ms in times.items()]
    return _table(lines, [axis, *(f"{form}, ms/image" for form in forms)])


def place_of(row: dict[str, Any], axis: str) -> str:
    """Where a row stands on the axis of its growth table."""
    network = row["network"]
    match axis:
        case "batch":
            return str(network["batch"])
        case "pixels":
            return f"{network['size'][0]} x {network['size'][1]}"
        case _:
            return str(row["name"])


def _loader(results: dict[str, Any]) -> str:
    cells = [
        [
            row["form"],
            f"{row['network']['size'][0]} x {row['network']['size'][1]}",
            f"{row['images_per_second']:.0f}",
        ]
        for row in results["rows"]
        if row["table"] == "loader"
    ]
    return _table(cells, ["images from", "pixels", "images/s of one process"])


def _start(results: dict[str, Any]) -> str:
    imports = results["import"]
    cells = [
        ["`import torch`", f"{imports['torch']:.1f}"],
        ["`import mdpr`, after torch", f"{imports['mdpr']:.1f}"],
    ]
    cells += [
        [f"first image through a loaded {row['name']}, {row['form']}", f"{row['seconds']:.2f}"]
        for row in results["rows"]
        if row["table"] == "first image"
    ]
    return _table(cells, ["", "s"])


def _peaks(results: dict[str, Any]) -> dict[str, float]:
    return {
        row["dtype"]: row["flops_per_second"] for row in results["rows"] if row["table"] == "peak"
    }


def _plain_of(row: dict[str, Any], rows: Rows) -> dict[str, Any]:
    return next(r for r in rows if r["form"] == PLAIN and r["network"] == row["network"])


def _table(cells: list[list[str]], headers: list[str]) -> str:
    return tabulate(cells, headers, tablefmt="github", disable_numparse=True)
