"""A report as one HTML file that needs no other file."""

from pathlib import Path
from typing import Any

from fastreid.data.datasets.bases import ImageDataset
from markupsafe import Markup

from mdpr.data.checking.entries import entries_of
from mdpr.data.checking.findings import CheckReport
from mdpr.data.checking.mosaics import COLUMNS, identity_mosaics, strip
from mdpr.data.checking.tables import SPLIT_COLUMNS, image_rows, split_rows, verdict
from mdpr.data.datasets.base import SPLITS
from mdpr.files import write_atomically
from mdpr.pages import render_page as render

DETAILS_SHOWN = 1000  # of each finding, so that the page of a ruined set still opens


def render_page(report: CheckReport, dataset: ImageDataset) -> str:
    """The page's HTML."""
    entries = entries_of(dataset)
    samples = {split: identity_mosaics(entries, report.facts, split) for split in SPLITS}
    return render("mdpr.data.checking", "report.html.j2", samples=samples, **_shown(report))


def render_part(report: CheckReport) -> Markup:
    """What another page shows of a report: all but the samples."""
    return Markup(render("mdpr.data.checking", "embedded.html.j2", **_shown(report)))


def _shown(report: CheckReport) -> dict[str, Any]:
    return {
        "report": report,
        "verdict": verdict(report),
        "level": report.findings[0].severity.value if report.findings else "fine",
        "split_columns": SPLIT_COLUMNS,
        "split_rows": split_rows(report),
        "image_rows": image_rows(report),
        "pictures": [strip(finding.images[:COLUMNS]) for finding in report.findings],
        "details_shown": DETAILS_SHOWN,
    }


def write_page(report: CheckReport, dataset: ImageDataset, path: str | Path) -> None:
    """Write `render_page` to a file, whole or not at all.

    Raises:
        OSError: the file cannot be written.
    """
    page = render_page(report, dataset)
    with write_atomically(path, "wb") as file:
        file.write(page.encode())
