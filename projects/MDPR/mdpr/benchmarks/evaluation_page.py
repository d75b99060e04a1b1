"""The figures of the evaluation's benchmark as tables, a plot, and a part of a page."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from tabulate import tabulate

from mdpr.benchmarks.measuring import Measurement
from mdpr.benchmarks.retrieval import DATASETS, GROWTH, QUICK, QUICK_GROWTH
from mdpr.errors import MDPRError
from mdpr.files import write_atomically

__all__ = ["Report", "growth_rows", "insert"]

BEGIN: Final = "<!-- benchmark: begin -->"
END: Final = "<!-- benchmark: end -->"


@dataclass(frozen=True)
class Report:
    """A run of the benchmark.

    Attributes:
        machine: see `mdpr.benchmarks.measuring.describe_machine`.
        quick: whether the problems were the small ones, for trying it out.
        measurements: of all stages.
    """

    machine: dict[str, str]
    quick: bool
    measurements: Sequence[Measurement]

    def write(self, file: Path) -> None:
        """Write as JSON."""
        with write_atomically(file) as stream:
            json.dump(asdict(self), stream, indent=1)
            stream.write("\n")

    @classmethod
    def read(cls, file: Path) -> "Report":
        """Read what `write` has written."""
        content = json.loads(file.read_text())
        content["measurements"] = [Measurement(**each) for each in content["measurements"]]
        return cls(**content)

    def stages(self, problem: str, dimension: int, *names: str) -> list[Measurement]:
        """Find the measurements of some stages; empty where one of them was not run."""
        found = {
            each.stage: each
            for each in self.measurements
            if (each.problem, each.dimension) == (problem, dimension)
        }
        return [found[name] for name in names] if all(name in found for name in names) else []

    def markdown(self, plot: str) -> str:
        """Lay out everything; ``plot`` is the file name of the picture."""
        lines = [f"- {name}: {text}" for name, text in self.machine.items()]
        if self.quick:
            lines.insert(0, "- a trial run on small problems, whose figures mean nothing")
        parts = ["\n".join(lines), _comparison(self), _whole(self)]
        if growth_rows(self):
            parts += [_growth(self), f"![Time by number of images]({plot})"]
        return "\n\n".join(part for part in parts if part)


def _problems(report: Report) -> list[tuple[str, int]]:
    names = [size.name for size in (*DATASETS.values(), QUICK)]
    found = {(each.problem, each.dimension) for each in report.measurements}
    return sorted(
        (key for key in found if key[0] in names), key=lambda k: (k[1], names.index(k[0]))
    )


def _comparison(report: Report) -> str:
    """Ranking and re-ranking, beside fast-reid's where those fit."""
    rows = []
    for problem, dimension in _problems(report):
        for task, ours, dense in (
            ("rank", ["rank"], ["fast-reid: distances", "fast-reid: rank"]),
            (
                "re-rank",
                ["re-rank: encode", "re-rank: distances"],
                ["fast-reid: distances", "fast-reid: re-rank"],
            ),
        ):
            own = report.stages(problem, dimension, *ours)
            theirs = report.stages(problem, dimension, *dense)
            if own and theirs:
                ratio = _seconds(theirs) / _seconds(own)
                figures = [_seconds(own), _peak(own), _seconds(theirs), _peak(theirs)]
                rows.append([problem, dimension, task, *figures, f"{ratio:.1f}x"])
    headers = ["problem", "D", "task", "s", "MB", "fast-reid s", "fast-reid MB", "faster"]
    formats = ("", "", "", ".2f", ".0f", ".2f", ".0f", "")
    return tabulate(rows, headers, tablefmt="github", floatfmt=formats) if rows else ""


def _whole(report: Report) -> str:
    """A whole evaluation, plain and with re-ranking, and what the process took for it."""
    rows = []
    for problem, dimension in _problems(report):
        names = ("rank", "re-rank: encode", "re-rank: distances and rank")
        stages = report.stages(problem, dimension, *names)
        if not stages:
            continue
        process = _largest_of(each.process_megabytes for each in stages)
        plain, _, reranked = stages
        seconds = [each.seconds for each in stages]
        rows.append(
            [problem, dimension, *seconds, sum(seconds), process, plain.value, reranked.value]
        )
    headers = ["problem", "D", "rank s", "encode s", "distances and rank s", "all s", "process MB"]
    headers += ["mAP %", "re-ranked mAP %"]
    formats = ("", "", ".2f", ".2f", ".2f", ".2f", ".0f", ".1f", ".1f")
    return tabulate(rows, headers, tablefmt="github", floatfmt=formats) if rows else ""


def growth_rows(report: Report) -> list[list[float]]:
    """Times at growing sizes.

    Returns:
        Rows of N images, Q G pairs, and seconds of ranking, of the neighbours, of encoding without
        them, and of re-ranked distances with their ranking.
    """
    rows = []
    for size in QUICK_GROWTH if report.quick else GROWTH:
        dimension = next((e.dimension for e in report.measurements if e.problem == size.name), 0)
        names = ("rank", "neighbours", "neighbours and encode", "distances and rank")
        stages = report.stages(size.name, dimension, *(f"growth: {name}" for name in names))
        if stages:
            rank, neighbours, both, distances = (each.seconds for each in stages)
            pairs = size.num_query * size.num_gallery
            encode = max(both - neighbours, 0.0)
            rows.append([size.num_images, pairs, rank, neighbours, encode, distances])
    return rows


def _growth(report: Report) -> str:
    rows = [
        [f"{images:,}", rank, 1e9 * rank / pairs, near, encode, 1e6 * encode / images, rest]
        for images, pairs, rank, near, encode, rest in growth_rows(report)
    ]
    headers = ["images N", "rank s", "ns a pair", "neighbours s", "encode s", "us an image"]
    formats = ("", ".3f", ".1f", ".3f", ".3f", ".1f", ".3f")
    return tabulate(rows, [*headers, "distances and rank s"], tablefmt="github", floatfmt=formats)


def _seconds(stages: Sequence[Measurement]) -> float:
    return sum(each.seconds for each in stages)


def _peak(stages: Sequence[Measurement]) -> float:
    return _largest_of(each.peak_megabytes for each in stages)


def _largest_of(megabytes: Iterable[float | None]) -> float:
    """NaN where one is not known."""
    return max(float("nan") if each is None else each for each in megabytes)


def insert(page: Path, content: str) -> None:
    """Replace what is between the page's two marks.

    Raises:
        MDPRError: the page has no such marks.
    """
    text = page.read_text()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise MDPRError(f"{page}: the figures go between the lines {BEGIN} and {END}; add both")
    with write_atomically(page) as stream:
        stream.write(f"{before}{BEGIN}\n\n{content}\n\n{END}{after}")
