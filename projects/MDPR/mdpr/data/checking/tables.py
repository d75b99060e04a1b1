"""A report's numbers as rows, for the terminal and for the page."""

from collections import Counter
from statistics import median

from tabulate import tabulate

from mdpr.data.checking.findings import CheckReport, Severity

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
    images = report.readable
    if not images:
        return []
    sizes = Counter((fact.width, fact.height) for fact in images)
    (width, height), most = sizes.most_common(1)[0]
    modes = Counter(fact.mode for fact in images)
    rows = [
        [
            f"{name} (min / median / max)",
            f"{min(values)} / {median(values):g} / {max(values)} pixels",
        ]
        for name, values in (
            ("width", [fact.width for fact in images]),
            ("height", [fact.height for fact in images]),
        )
    ]
    rows.append(["different sizes", f"{len(sizes):,}"])
    rows.append(["most common size", f"{width} x {height} ({most:,} images)"])
    rows += [[f"images in mode {mode}", f"{count:,}"] for mode, count in modes.most_common()]
    return rows


def verdict(report: CheckReport) -> str:
    """The result in a line."""
    errors, warnings = report.count(Severity.ERROR), report.count(Severity.WARNING)
    if not errors + warnings:
        return "No problem found"
    parts = [
        f"{count} {word}{'' if count == 1 else 's'}"
        for count, word in ((errors, "error"), (warnings, "warning"))
        if count
    ]
    return " and ".join(parts)


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
