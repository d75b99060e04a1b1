"""Where the time of a run goes."""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fastreid.engine.hooks import HookBase

WINDOW = 50  # steps over which the present speed is measured


@dataclass(frozen=True)
class StepTime:
    """Seconds of one or more steps."""

    total: float  # from the request for the first batch to the end of the step
    waiting: float  # of it, waiting for the loader

    @property
    def waiting_share(self) -> float:
        """In 0..1."""
        return self.waiting / self.total if self.total > 0 else 0.0


class RunClock(HookBase):
    """Times steps, and within them the wait for data; and evaluations.

    Attributes:
        steps: number of steps since the run was started (or resumed).
    """

    def __init__(self) -> None:
        self.steps = 0
        self._window: deque[StepTime] = deque(maxlen=WINDOW)
        self._since_mark = StepTime(0, 0)
        self._steps_since_mark = 0
        self._all = StepTime(0, 0)
        self._evaluating = 0.0
        self._started = time.perf_counter()

    def before_train(self) -> None:
        """Start."""
        self._started = time.perf_counter()

    def before_step(self) -> None:
        """Note the time."""
        self._step_started = time.perf_counter()

    def after_step(self) -> None:
        """Add a step."""
        self.add(time.perf_counter() - self._step_started, self.trainer.step.data_seconds)

    def add(self, total: float, waiting: float) -> None:
        """Add a step of ``total`` seconds, ``waiting`` of them for data."""
        self.steps += 1
        self._steps_since_mark += 1
        self._window.append(StepTime(total, waiting))
        self._all = _sum(self._all, self._window[-1])
        self._since_mark = _sum(self._since_mark, self._window[-1])

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Count what happens in here as evaluation."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self._evaluating += time.perf_counter() - started

    def take_mark(self) -> tuple[StepTime, int]:
        """Time and number of steps since the last mark; the next ones count from here."""
        marked = self._since_mark, self._steps_since_mark
        self._since_mark, self._steps_since_mark = StepTime(0, 0), 0
        return marked

    @property
    def recent(self) -> StepTime:
        """The mean of the last 50 steps."""
        count = max(1, len(self._window))
        return StepTime(
            sum(step.total for step in self._window) / count,
            sum(step.waiting for step in self._window) / count,
        )

    def seconds_for(self, steps: int) -> float:
        """How long so many steps take at the present speed; evaluations, which come in bursts, left out."""
        return self.recent.total * max(0, steps)

    def split(self) -> dict[str, float]:
        """Seconds since the start: "total", and of it "computing", "waiting for data", "evaluation",
        and "other" (checkpoints, logs)."""
        total = time.perf_counter() - self._started
        parts = {
            "computing": self._all.total - self._all.waiting,
            "waiting for data": self._all.waiting,
            "evaluation": self._evaluating,
        }
        return {"total": total, **parts, "other": max(0.0, total - sum(parts.values()))}


def _sum(a: StepTime, b: StepTime) -> StepTime:
    return StepTime(a.total + b.total, a.waiting + b.waiting)
