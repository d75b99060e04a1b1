"""A study's lines as Markdown, LaTeX or CSV."""

import csv
import io
import math
from collections.abc import Sequence
from datetime import timedelta
from itertools import groupby
from typing import Any, Final

from tabulate import tabulate

from mdpr.evaluation.paired import PairedDifference
from mdpr.study.comparison import LEVEL, METRICS, Line, Spread
from mdpr.study.footnotes import Footnote

FORMATS: Final = ("md", "latex", "csv")
_LATEX: Final = str.maketrans({mark: f"\\{mark}" for mark in "&%$#_{}"})


def markdown(lines: Sequence[Line], notes: Sequence[Footnote], reference: str | None) -> str:
    """A table for every test set, with its footnotes."""
    parts = [
        f"### {title}\n\n{tabulate(cells, head, tablefmt='github', disable_numparse=True)}"
        for title, head, cells in _tables(lines, notes, reference)
    ]
    return "\n\n".join([*parts, *_texts(lines, notes)])


def latex(lines: Sequence[Line], notes: Sequence[Footnote], reference: str | None) -> str:
    """Tables for the package booktabs, each with its title above, and their footnotes."""
    parts = []
    for title, head, cells in _tables(lines, notes, reference):
        table = tabulate(cells, head, tablefmt="latex_booktabs", disable_numparse=True)
        parts.append(f"{title.translate(_LATEX)}\n\n{table}")
    parts += [f"{{\\footnotesize {text.translate(_LATEX)}}}" for text in _texts(lines, notes)]
    return "\n\n".join(parts).replace("±", r"$\pm$")


def comma_separated(lines: Sequence[Line], notes: Sequence[Footnote], reference: str | None) -> str:
    """One table of numbers, in percent, seconds, and counts; footnotes are a column."""
    columns = [_numbers(line, notes, reference) for line in lines]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(columns[0]) if columns else ["test"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(columns)
    return stream.getvalue().rstrip("\n")


def _tables(
    lines: Sequence[Line], notes: Sequence[Footnote], reference: str | None
) -> list[tuple[str, list[str], list[list[str]]]]:
    """Title, head and cells of each table. Columns that all leave empty are left out."""
    tables = []
    compared = [f"mAP less {reference}, over {what}" for what in ("seeds", "queries")]
    head = ["row", "seeds", *METRICS, *compared, "time", "parameters", "GFLOPs"]
    for title, group in groupby(lines, lambda line: line.title):
        cells = [_cells(line, notes) for line in group]
        used = [column for column in range(len(head)) if any(row[column] for row in cells)]
        tables.append(
            (title, [head[column] for column in used], [[row[column] for column in used] for row in cells])
        )
    return tables


def _cells(line: Line, notes: Sequence[Footnote]) -> list[str]:
    marks = "".join(f" [{number}]" for number, note in enumerate(notes, 1) if line.row in note.rows)
    cost = line.cost
    return [
        line.row + marks,
        str(len(line.maps)),
        *(_spread(line.scores.get(metric)) for metric in METRICS),
        *(_difference(each, unit) for each, unit in ((line.by_seeds, "seeds"), (line.by_queries, ""))),
        str(timedelta(seconds=round(line.seconds.mean))),
        f"{cost.parameters / 1e6:.1f} M" if cost else "",
        f"{cost.operations / 1e9:.2f}" if cost else "",
    ]


def _spread(value: Spread | None) -> str:
    if value is None:
        return ""
    return f"{value.mean:.2f}" + ("" if math.isnan(value.deviation) else f" ± {value.deviation:.2f}")


def _difference(value: PairedDifference | None, unit: str) -> str:
    if value is None:
        return ""
    interval = "" if math.isnan(value.low) else f" [{value.low:+.2f}, {value.high:+.2f}]"
    return f"{value.mean:+.2f}{interval}" + (f" (n {value.n})" if unit else "")


def _texts(lines: Sequence[Line], notes: Sequence[Footnote]) -> list[str]:
    texts = [f"[{number}] {note.text}." for number, note in enumerate(notes, 1)]
    if not lines:
        return texts
    meaning = (
        f"In percent: mean ± standard deviation over seeds; differences with {LEVEL:.0%} intervals, over "
        "seeds (paired, Student's t) and over queries (persons drawn again). Time of a whole run; parameters "
        "without classifiers; GFLOPs of one image, an addition and a multiplication being two."
    )
    return [meaning, *texts]


def _numbers(line: Line, notes: Sequence[Footnote], reference: str | None) -> dict[str, Any]:
    numbers: dict[str, Any] = {"data_set": line.data_set, "test": line.test, "row": line.row}
    numbers["n"] = len(line.maps)
    for metric in METRICS:
        value = line.scores.get(metric)
        numbers[f"{metric} mean"] = value and value.mean
        numbers[f"{metric} deviation"] = value and value.deviation
    numbers["reference"] = reference
    for what, found in (("seeds", line.by_seeds), ("queries", line.by_queries)):
        for part in ("mean", "low", "high", "n"):
            numbers[f"difference over {what} {part}"] = found and getattr(found, part)
    numbers |= {"seconds mean": line.seconds.mean, "seconds deviation": line.seconds.deviation}
    numbers["parameters"] = line.cost and line.cost.parameters
    numbers["operations"] = line.cost and line.cost.operations
    own = [note.text for note in notes if line.row in note.rows or not note.rows]
    numbers["notes"] = "; ".join(own)
    unknown = (name for name, value in numbers.items() if isinstance(value, float) and math.isnan(value))
    return numbers | dict.fromkeys(unknown)
