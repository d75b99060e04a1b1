"""Kill a small training again and again, and hold what it becomes against one that was left alone."""

from mdpr.engine.crash_test.comparison import compare_runs
from mdpr.engine.crash_test.crashes import CrashTest, Kill, Verdict

__all__ = ["CrashTest", "Kill", "Verdict", "compare_runs"]
