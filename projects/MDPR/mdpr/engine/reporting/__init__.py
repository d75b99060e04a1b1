"""What a user sees of a run: progress, curves, warnings, and a table at the end."""

from mdpr.engine.reporting.clock import RunClock
from mdpr.engine.reporting.loader_watch import LoaderWatch
from mdpr.engine.reporting.progress import ProgressReporter
from mdpr.engine.reporting.scalar_reader import ScalarReader
from mdpr.engine.reporting.summary import run_summary

__all__ = [
    "LoaderWatch",
    "ProgressReporter",
    "RunClock",
    "ScalarReader",
    "run_summary",
]
