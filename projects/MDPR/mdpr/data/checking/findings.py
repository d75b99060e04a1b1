"""What a check of a data set says."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Severity(Enum):
    """ERROR: training or the score would be wrong. WARNING: look at it."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Finding:
    """One kind of problem.

    Args:
        severity: whether training or the score would be wrong.
        title: what was found, with its count.
        advice: what it does to training or the score, and what to do.
        details: one line per case.
        images: paths of images that show it.
    """

    severity: Severity
    title: str
    advice: str
    details: tuple[str, ...] = ()
    images: tuple[str, ...] = ()


@dataclass(frozen=True)
class ImageFacts:
    """What one file is. Of a broken one only ``problem`` is known.

    Args:
        path: the file.
        problem: why it cannot be read; empty if it can.
        width: in pixels, upright.
        height: in pixels, upright.
        mode: Pillow's name of the stored pixel format, such as RGB or L.
        digest: of the file's bytes; equal for equal files.
    """

    path: str
    problem: str = ""
    width: int = 0
    height: int = 0
    mode: str = ""
    digest: str = ""


@dataclass(frozen=True)
class SplitSummary:
    """Counts of one split.

    Args:
        split: train, query or gallery.
        images: number of images.
        identities: number of identities, distractors and all.
        cameras: number of cameras.
        per_identity: smallest, median and largest number of images of an identity.
        left_out: images left out as junk or distractors.
        published: images of the complete set as its authors state them, None where unknown.
    """

    split: str
    images: int
    identities: int
    cameras: int
    per_identity: tuple[int, float, int]
    left_out: int
    published: int | None


@dataclass(frozen=True)
class CheckReport:
    """The result of a check.

    Args:
        name: of the data set.
        folder: the folder that holds all its images.
        splits: counts of train, query and gallery.
        facts: of each image, by path.
        findings: errors first.
    """

    name: str
    folder: str
    splits: tuple[SplitSummary, ...]
    facts: Mapping[str, ImageFacts]
    findings: tuple[Finding, ...]

    @property
    def readable(self) -> list[ImageFacts]:
        """The images that can be read."""
        return [facts for facts in self.facts.values() if not facts.problem]

    def count(self, severity: Severity) -> int:
        """Number of findings of a severity."""
        return sum(finding.severity is severity for finding in self.findings)

    @property
    def exit_code(self) -> int:
        """1 if training or the score would be wrong, else 0."""
        return int(self.count(Severity.ERROR) > 0)
