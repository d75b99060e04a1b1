"""Several runs at once on this machine, until all are done, the time is up, or a signal comes."""

import os
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

import torch

from mdpr.engine.results import read_results
from mdpr.host import usable_cores
from mdpr.study.plan import Run, Study
from mdpr.study.process import RunProcess, end_of_output
from mdpr.study.record import STOPPED, State, recorded_state, state_of, take_lock
from mdpr.study.reuse import check_reuse

_CORES_PER_JOB: Final = 4  # that a small network still makes use of
_PATIENCE: Final = 120.0  # seconds in which a run that was told to stop has to have saved
_LOOK_EVERY: Final = 0.2  # seconds


def run_study(
    study: Study,
    runs: Sequence[Run],
    report: Callable[[str], object],
    *,
    jobs: int | None = None,
    jobs_per_gpu: int = 1,
    budget: float | None = None,
    rerun: bool = False,
) -> Counter[State]:
    """Run what is missing, and go on with what was cut off or failed.

    SIGINT and SIGTERM are passed on to the runs, which save and end; a second one ends them at once.

    Args:
        study: it.
        runs: those that are asked for.
        report: is told a line when a run starts and ends.
        jobs: runs at once; None: ``jobs_per_gpu`` on each GPU, or one for every four cores.
        jobs_per_gpu: runs that share a GPU.
        budget: minutes after which running ones are told to save and end, and no other starts.
        rerun: as `mdpr.study.reuse.check_reuse`'s.

    Returns:
        How many of the ``runs`` are in which state now.

    Raises:
        ConfigError: a config that cannot be used, or a run that is no longer what the study says.
        DatasetError: a data set is missing.
    """
    deadline = None if budget is None else time.monotonic() + 60 * budget
    check_reuse(study, runs, rerun=rerun, report=report)
    left = deque(run for run in runs if state_of(run.folder) is not State.FINISHED)
    places = _places(jobs, jobs_per_gpu, len(left))
    if len(left) < len(runs):
        report(f"{len(runs) - len(left)} of {len(runs)} runs are finished already")
    with _signals() as received:
        _Schedule(study, left, places, report, deadline=deadline, received=received).run()
    return Counter(state_of(run.folder) for run in runs)


def can_start(run: Run) -> bool:
    """Whether it trains, or the weights that it evaluates are there."""
    return run.weights is None or recorded_state(run.weights.folder) is State.FINISHED


class _Schedule:
    def __init__(
        self,
        study: Study,
        waiting: deque[Run],
        places: Sequence[dict[str, str]],
        report: Callable[[str], object],
        *,
        deadline: float | None,
        received: list[int],
    ) -> None:
        self._study, self._waiting, self._places, self._report = study, waiting, places, report
        self._deadline, self._received = deadline, received
        self._running: dict[int, RunProcess] = {}  # by place
        self._passed_on = 0
        self._stop_again = 0.0  # when those that still run are told to end at once

    def run(self) -> None:
        try:
            self._run()
        except BaseException:
            for process in self._running.values():
                process.stop()
            raise

    def _run(self) -> None:
        while self._running or (self._waiting and not self._is_over()):
            for place in range(len(self._places)):
                while place not in self._running and not self._is_over() and (run := self._next()):
                    self._start(place, run)
            if not self._running:
                for run in () if self._is_over() else self._waiting:
                    self._report(f"{run.name}: not started, as the weights that it evaluates are not there")
                return
            time.sleep(_LOOK_EVERY)
            for place in [place for place, one in self._running.items() if one.poll() is not None]:
                self._tell(self._running.pop(place))
            self._pass_on()

    def _next(self) -> Run | None:
        """Take the first that needs no other one's weights, or whose other one is finished."""
        run = next((run for run in self._waiting if can_start(run)), None)
        if run is not None:
            self._waiting.remove(run)
        return run

    def _is_over(self) -> bool:
        return bool(self._received) or self._is_late()

    def _is_late(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline

    def _start(self, place: int, run: Run) -> None:
        lock = take_lock(run.folder)
        if lock is None:
            self._report(f"{run.name}: another process runs it")
            return
        if recorded_state(run.folder) is State.FINISHED:  # by another process, since it was looked at
            os.close(lock)
            return
        at_once = len(self._places)
        self._running[place] = RunProcess(self._study, run, lock, self._places[place], at_once)
        self._report(f"{run.name}: started ({len(self._running)} running, {len(self._waiting)} waiting)")

    def _pass_on(self) -> None:
        """Tell the runs to stop: once, and once more at a second signal or when they take too long."""
        wanted = min(2, len(self._received)) or int(self._is_late())
        if self._passed_on == 1 and time.monotonic() >= self._stop_again:
            wanted = 2
        if wanted <= self._passed_on or not self._running:
            return
        why = "the time is up" if self._is_late() else "stopping"
        self._report(
            f"{why}: {len(self._running)} runs are told to {'save and end' if wanted == 1 else 'end'}"
        )
        for process in self._running.values():
            process.stop()
        self._passed_on, self._stop_again = wanted, time.monotonic() + _PATIENCE

    def _tell(self, process: RunProcess) -> None:
        run, exit_code = process.run, process.poll()
        after = f"after {timedelta(seconds=round(process.seconds))}"
        if recorded_state(run.folder) is State.FINISHED:
            self._report(f"{run.name}: finished {after}: {_scores(run)}")
        elif exit_code in STOPPED:
            self._report(f"{run.name}: cut off {after}; `mdpr study run` goes on with it")
        else:
            wrong = f"exit code {exit_code}" if exit_code else "no results.json"
            self._report(f"{run.name}: failed {after}, {wrong}:\n{end_of_output(run.folder)}")


def _scores(run: Run) -> str:
    scores, _ = read_results(run.folder)
    return ", ".join(
        f"{name} mAP {each['mAP']:.2f} Rank-1 {each['Rank-1']:.2f}" for name, each in scores.items()
    )


def _places(jobs: int | None, jobs_per_gpu: int, runs: int) -> list[dict[str, str]]:
    """For each run at once, the variables that give it its part of the machine."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    gpus = [str(number) for number in range(torch.cuda.device_count())]
    if visible and gpus:
        gpus = visible.split(",")[: len(gpus)]
    cores = usable_cores()
    if jobs is None:
        jobs = jobs_per_gpu * len(gpus) if gpus else max(1, cores // _CORES_PER_JOB)
    jobs = max(1, min(jobs, runs))
    # Who has set the number of threads has decided.
    threads = os.environ.get("OMP_NUM_THREADS") or str(max(1, cores // jobs))
    return [
        {"OMP_NUM_THREADS": threads, **({"CUDA_VISIBLE_DEVICES": gpus[job % len(gpus)]} if gpus else {})}
        for job in range(jobs)
    ]


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM while the block runs; in threads other than the main one they never come."""
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return

    def note(number: int, _: Any) -> None:
        received.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
