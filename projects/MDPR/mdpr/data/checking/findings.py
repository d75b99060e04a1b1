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
    """One kind of problem."""

    severity: Severity
    title: str  # what was found, with its count
    advice: str  # what it does to training or the score, and what to do
    details: tuple[str, ...] = ()  # one line per case
    images: tuple[str, ...] = ()  # paths of images that show it


@dataclass(frozen=True)
class ImageFacts:
    """What one file is. Of a broken one only ``problem`` is known; width and height are those upright."""

    path: str
    problem: str = ""  # why it cannot be read; empty if it can
    width: int = 0  # in pixels
    height: int = 0
    mode: str = ""  # Pillow's name of the stored pixel format, such as RGB or L
    digest: str = ""  # of the file's bytes; equal for equal files


@dataclass(frozen=True)
class SplitSummary:
    """Counts of one split."""

    split: str
    images: int
    identities: int  # distractors and all
    cameras: int
    per_identity: tuple[int, float, int]  # smallest, median and largest number of images of an identity
    left_out: int  # images left out as junk or distractors
    published: int | None  # images of the complete set as its authors state them; None where unknown


@dataclass(frozen=True)
class CheckReport:
    """The result of a check of the data set ``name``."""

    name: str
    folder: str  # that holds all its images
    splits: tuple[SplitSummary, ...]
    facts: Mapping[str, ImageFacts]  # by path
    findings: tuple[Finding, ...]  # errors first

    def count(self, severity: Severity) -> int:
        """Number of findings of a severity."""
        return sum(finding.severity is severity for finding in self.findings)

    @property
    def exit_code(self) -> int:
        """1 if training or the score would be wrong, else 0."""
        return int(self.count(Severity.ERROR) > 0)


def counted(number: int, singular: str, plural: str = "") -> str:
    """A number and what it counts, in words."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"
