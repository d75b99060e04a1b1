"""The figures of the gallery's benchmark as tables and a picture."""

from benchmarks.growth_plot import Panel
from benchmarks.measuring import Row
from benchmarks.pages import Page, Results, table


def sections(results: Results, picture: str) -> list[str]:
    shown = f"![Time, recall and building by number of images]({picture})" if panels(results) else ""
    return [adding(results), searching(results), shown]


def _rows(results: Results, task: str) -> list[Row]:
    return [row for row in results["measurements"] if row["task"] == task]


def adding(results: Results) -> str:
    """10,000 vectors, beside a plain program."""
    rows = [
        [
            str(row["dimension"]),
            f"{1e3 * row['seconds']:.0f}",
            f"{1e3 * row['faiss_seconds']:.0f}",
            f"{row['faiss_seconds'] / row['seconds']:.2f}x",
        ]
        for row in _rows(results, "add")
    ]
    return table(rows, ["D", "add of 10,000, ms", "faiss and two files, ms", "as fast"])


def searching(results: Results) -> str:
    """Each index at each size."""
    rows = [
        [
            f"{row['vectors']:,}",
            row["index"],
            row["factory"],
            f"{row['recall']:.3f}",
            f"{row['queries_per_second']:,.0f}",
            f"{row['index_bytes']:,.0f}",
            f"{row['build_seconds']:,.1f}",
            "" if row["bare_ratio"] is None else f"{row['bare_ratio']:.2f}x",
        ]
        for row in _rows(results, "search")
    ]
    headers = [
        "vectors",
        "index",
        "faiss",
        "recall@10",
        "queries/s",
        "index bytes",
        "compact s",
        "of bare faiss",
    ]
    return table(rows, headers)


def panels(results: Results) -> list[Panel]:
    """Milliseconds a query, recall, and seconds of building, against the number of vectors."""
    rows = _rows(results, "search")
    kinds = list(dict.fromkeys(row["index"] for row in rows))

    def lines(value: str, scale: float = 1.0, power: int = 1) -> dict[str, list[tuple[float | str, float]]]:
        own = {kind: [row for row in rows if row["index"] == kind] for kind in kinds}
        return {kind: [(row["vectors"], scale * row[value] ** power) for row in own[kind]] for kind in kinds}

    if not rows:
        return []
    axis, logarithmic = "vectors", {"Flat": 1}
    recall = {kind: [(f"{size:,}", each) for size, each in line] for kind, line in lines("recall").items()}
    return [
        Panel(axis, "", lines("queries_per_second", 1e3, -1), logarithmic, "ms a query (in batches of 100)"),
        Panel(axis, "", recall, {}, "recall@10"),
        Panel(axis, "", lines("build_seconds"), logarithmic, "seconds to compact and build"),
    ]


PAGE = Page("gallery", sections, panels)
