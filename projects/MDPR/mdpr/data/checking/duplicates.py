"""Rules on files with the same content."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations

from mdpr.data.checking.entries import Entry
from mdpr.data.checking.findings import Finding, ImageFacts, Severity, counted

Pair = tuple[Entry, Entry]


def duplicate_findings(entries: Sequence[Entry], facts: Mapping[str, ImageFacts]) -> Iterator[Finding]:
    """Findings on exact duplicates. A query and a gallery image of the same identity and camera are none:
    the protocol ignores such pairs."""
    pairs = list(_equal_pairs(entries, facts))
    rules: tuple[tuple[Severity, str, str, Callable[[Entry, Entry], bool]], ...] = (
        (
            Severity.ERROR,
            "across training and test set",
            "Evaluation would test on images that were trained on: the score would be too high. Remove "
            "one of each pair.",
            lambda a, b: (a.split == "train") != (b.split == "train"),
        ),
        (
            Severity.ERROR,
            "across query and gallery",
            "The same file matches itself, which makes the score too high, or too low where the "
            "identities differ. Remove one of each pair.",
            lambda a, b: (
                {a.split, b.split} == {"query", "gallery"}
                and (a.identity, a.camera) != (b.identity, b.camera)
            ),
        ),
        (
            Severity.WARNING,
            "under two identities in one split",
            "One of the two labels is wrong.",
            lambda a, b: a.split == b.split and a.identity != b.identity,
        ),
    )
    for severity, where, advice, applies in rules:
        cases = [pair for pair in pairs if applies(*pair)]
        if cases:
            yield Finding(
                severity,
                f"{counted(len(cases), 'pair')} of identical files {where}",
                advice,
                tuple(f"{a.path} = {b.path}" for a, b in cases),
                tuple(entry.path for pair in cases for entry in pair),
            )


def _equal_pairs(entries: Sequence[Entry], facts: Mapping[str, ImageFacts]) -> Iterator[Pair]:
    by_digest: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if facts[entry.path].digest:
            by_digest[facts[entry.path].digest].append(entry)
    for equal in by_digest.values():
        # A file copied many times makes many pairs; those with the first copy are enough to find all.
        yield from (
            combinations(equal, 2)
            if len(equal) <= 8
            else zip([equal[0]] * (len(equal) - 1), equal[1:], strict=True)
        )
