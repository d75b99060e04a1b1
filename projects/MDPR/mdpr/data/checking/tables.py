"""A report's numbers as rows, for the terminal and for the page."""

from collections import Counter
from statistics import median

from tabulate import tabulate

from mdpr.data.checking.findings import CheckReport, Severity, counted

SPLIT_COLUMNS = (
    "split",
    "images",
    "published",
    "identities",
    "cameras",
    "images per identity (min / median / max)",
    "left out as junk",
)
DETAILS_SHOWN = 10


def split_rows(report: CheckReport) -> list[list[str]]:
    """One row per split, under `SPLIT_COLUMNS`."""
    return [
        [
            split.split,
            f"{split.images:,}",
            "-" if split.published is None else f"{split.published:,}",
            f"{split.identities:,}",
            f"{split.cameras}",
            " / ".join(f"{number:g}" for number in split.per_identity),
            f"{split.left_out:,}",
        ]
        for split in report.splits
    ]


def image_rows(report: CheckReport) -> list[list[str]]:
    """What the readable images are: (what, how many or how large)."""
    images = [fact for fact in report.facts.values() if not fact.problem]
    if not images:
        return []
    sizes = Counter((fact.width, fact.height) for fact in images)
    (width, height), most = sizes.most_common(1)[0]
    modes = Counter(fact.mode for fact in images)
    rows = []
    for side in ("width", "height"):
        values = [getattr(fact, side) for fact in images]
        extent = f"{min(values)} / {median(values):g} / {max(values)} pixels"
        rows.append([f"{side} (min / median / max)", extent])
    rows.append(["different sizes", f"{len(sizes):,}"])
    rows.append(["most common size", f"{width} x {height} ({most:,} images)"])
    return rows + [[f"images in mode {mode}", f"{count:,}"] for mode, count in modes.most_common()]


def verdict(report: CheckReport) -> str:
    """The result in a line."""
    parts = [counted(report.count(one), one.value) for one in Severity if report.count(one)]
    return " and ".join(parts) or "No problem found"


def report_text(report: CheckReport) -> str:
    """The whole report for a terminal; of each finding the first cases."""
    lines = [f"{report.name} in {report.folder}: {len(report.facts):,} images read", ""]
    lines += [tabulate(split_rows(report), SPLIT_COLUMNS, disable_numparse=True), ""]
    rows = image_rows(report)
    if rows:
        lines += [tabulate(rows, tablefmt="plain", disable_numparse=True), ""]
    for finding in report.findings:
        lines.append(f"{finding.severity.value.upper()}: {finding.title}. {finding.advice}")
        lines += [f"    {detail}" for detail in finding.details[:DETAILS_SHOWN]]
        if len(finding.details) > DETAILS_SHOWN:
            lines.append(f"    ... and {len(finding.details) - DETAILS_SHOWN:,} more (--report lists them)")
    return "\n".join([*lines, verdict(report)])
