"""Check a data set as a whole."""

import os
from pathlib import Path

from fastreid.data.datasets.bases import ImageDataset

from mdpr.data.checking import rules
from mdpr.data.checking.duplicates import duplicate_findings
from mdpr.data.checking.entries import entries_of, summarize
from mdpr.data.checking.findings import CheckReport, Severity
from mdpr.data.checking.scan import inspect_images
from mdpr.data.datasets.base import CheckedDataset


def check_dataset(dataset: ImageDataset, *, workers: int = 0, progress: bool = False) -> CheckReport:
    """Read every image of a data set, and look for what would make training or the score wrong.

    Args:
        dataset: from `mdpr.data.registry.load_dataset` with ``strict=False``, so that all bad names are
            found and not the first alone.
        workers: processes to read with; 0 reads in this one.
        progress: whether to draw a progress bar on the error stream.

    Returns:
        Counts, facts and findings.

    Raises:
        DatasetError: a reading process died.
    """
    entries = entries_of(dataset)
    paths = list(dict.fromkeys(entry.path for entry in entries))
    facts = inspect_images(paths, workers=workers, progress=progress)
    summaries = summarize(dataset, entries)
    ours = dataset if isinstance(dataset, CheckedDataset) else None
    found = [
        rules.unparsable_names(ours.naming_problems if ours else ()),
        rules.broken_images(facts),
        rules.empty_splits(summaries),
        rules.incomplete_splits(summaries),
    ]
    if ours is None or ours.has_identities:
        distractors = frozenset(map(str, ours.distractor_identities if ours else dataset._junk_pids))
        across = ours.numbered_across_splits if ours else True
        found.append(rules.unmatched_queries(entries))
        found.append(rules.shared_identities(entries, distractors, across))
    findings = [finding for finding in (*found, *duplicate_findings(entries, facts)) if finding]
    findings.sort(key=lambda finding: finding.severity is not Severity.ERROR)
    name = type(dataset).__name__
    return CheckReport(name, _common_folder(paths), summaries, facts, tuple(findings))


def _common_folder(paths: list[str]) -> str:
    folders = [str(Path(path).absolute().parent) for path in paths]
    return os.path.commonpath(folders) if folders else "no folder"
