"""A report as one HTML file that needs no other file."""

from dataclasses import dataclass
from pathlib import Path

from fastreid.data.datasets.bases import ImageDataset
from jinja2 import Environment, PackageLoader, StrictUndefined

from mdpr.data.checking.entries import entries_of
from mdpr.data.checking.findings import CheckReport, Finding, Severity
from mdpr.data.checking.mosaics import COLUMNS, identity_mosaics, strip
from mdpr.data.checking.tables import SPLIT_COLUMNS, image_rows, split_rows, verdict
from mdpr.data.datasets.base import SPLITS
from mdpr.files import write_atomically

DETAILS_SHOWN = 1000  # of each finding, so that the page of a ruined set still opens


@dataclass(frozen=True)
class _ShownFinding:
    finding: Finding
    picture: str

    @property
    def details(self) -> tuple[str, ...]:
        return self.finding.details[:DETAILS_SHOWN]

    @property
    def not_shown(self) -> int:
        return max(0, len(self.finding.details) - DETAILS_SHOWN)


def render_page(report: CheckReport, dataset: ImageDataset) -> str:
    """The page's HTML."""
    environment = Environment(
        loader=PackageLoader("mdpr.data.checking"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    entries = entries_of(dataset)
    return environment.get_template("report.html.j2").render(
        report=report,
        verdict=verdict(report),
        level=_level(report),
        split_columns=SPLIT_COLUMNS,
        split_rows=split_rows(report),
        image_rows=image_rows(report),
        findings=[_ShownFinding(finding, strip(finding.images[:COLUMNS])) for finding in report.findings],
        samples={split: identity_mosaics(entries, report.facts, split) for split in SPLITS},
    )


def write_page(report: CheckReport, dataset: ImageDataset, path: str | Path) -> None:
    """Write `render_page` to a file, whole or not at all.

    Raises:
        OSError: the file cannot be written.
    """
    page = render_page(report, dataset)
    with write_atomically(path, "wb") as file:
        file.write(page.encode())


def _level(report: CheckReport) -> str:
    for severity in Severity:
        if report.count(severity):
            return severity.value
    return "fine"
