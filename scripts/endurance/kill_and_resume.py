"""The crash test: a run that is killed, resumed and killed, against one that is not."""

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mdpr.checkpoint.checkpointer import LAST
from mdpr.checkpoint.reading import read_checkpoint
from mdpr.errors import MDPRError
from mdpr_doctor.miniature import draw_miniature

from endurance.miniature_run import miniature_options
from endurance.run_comparison import compare_runs
from endurance.training_process import TrainingProcess

__all__ = ["CrashTest", "Kill", "Outcome"]

MOMENTS = ("write", "step", "start")
WORKERS = (0, 1, 2)  # loader processes, at random: they must not matter
POLL = 0.001  # seconds


@dataclass(frozen=True)
class Kill:
    """One kill.

    Attributes:
        moment: where it was aimed: at a "write" of a checkpoint, the time after one ("step": steps,
            evaluation), or the "start" of the process.
        seconds: how long the process had run.
        in_write: a half-written file was left: it did hit a write.
        steps: what the run had done by its last checkpoint.
        problems: what was wrong afterwards; empty if all was as promised.
    """

    moment: str
    seconds: float
    in_write: bool
    steps: int
    problems: list[str]


@dataclass
class Outcome:
    """What came out.

    Attributes:
        kills: every kill.
        runs: how many whole runs they were spread over.
        differences: what differs between those runs and the one that was left alone.
        seconds: how long it all took.
    """

    kills: list[Kill] = field(default_factory=list)
    runs: int = 0
    differences: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether nothing was lost, and nothing differs."""
        return not self.differences and not any(kill.problems for kill in self.kills)


class CrashTest:
    """Trains on a miniature once in peace, and then under kills.

    Args:
        train_net: path of ``train_net.py``.
        config: path of a config for the miniature, ``configs/Synthetic/mdpr_R18.yml``.
        folder: where everything is written; has to be empty or missing.
        epochs: length of the training.
        seed: decides the moments.
        forked: see `TrainingProcess`.
        options: further ``KEY VALUE ...`` for the training.
        report: called with each kill.
    """

    def __init__(
        self,
        train_net: Path,
        config: Path,
        folder: Path,
        *,
        epochs: int = 6,
        seed: int = 0,
        forked: bool = False,
        options: list[str] | None = None,
        report: Callable[[Kill], None] = lambda kill: None,
    ) -> None:
        self._train_net, self._folder, self._forked = train_net, folder, forked
        self._arguments = ["--config-file", str(config), "--resume"]
        self._options = [*miniature_options(epochs), *(options or [])]
        self._random = random.Random(seed)
        self._report = report
        self._starts = 0
        self._old_leftovers: set[Path] = set()  # of the processes before
        self._start_up = 0.0  # seconds to the first checkpoint
        self._gap = 0.0  # seconds between two

    def run(self, kills: int) -> Outcome:
        """Do it.

        Args:
            kills: how many.

        Raises:
            MDPRError: the training does not even work when it is left alone.
        """
        began = time.monotonic()
        draw_miniature(self._folder)
        os.environ["FASTREID_DATASETS"] = str(self._folder)
        reference = self._folder / "left alone"
        self._measure(reference)
        outcome = Outcome()
        while outcome.runs == 0 or len(outcome.kills) < kills:
            outcome.runs += 1
            output = self._folder / f"killed {outcome.runs}"
            while self._kill_once(output, outcome, len(outcome.kills) < kills):
                pass
            name = output.name
            outcome.differences += [f"{name}: {line}" for line in compare_runs(reference, output)]
            outcome.differences += [f"{name}: {path.name} is left" for path in _leftovers(output)]
        outcome.seconds = time.monotonic() - began
        return outcome

    def _measure(self, output: Path) -> None:
        process = self._start(output)
        first = self._wait_for(process, (output / LAST).exists)
        checkpoints: set[str] = set()
        while process.running:
            checkpoints.update(path.name for path in output.glob("model_*.pth"))
            time.sleep(POLL)
        self._start_up = first
        self._gap = (time.monotonic() - process.started - first) / max(1, len(checkpoints))
        _expect_success(process)

    def _kill_once(self, output: Path, outcome: Outcome, kill: bool) -> bool:
        """Start or resume, and kill; False once the run came to its end."""
        before = _last_steps(output)
        self._old_leftovers = _leftovers(output)
        process = self._start(output)
        if not kill:
            _expect_success(process)
            return False
        moment = MOMENTS[len(outcome.kills) % len(MOMENTS)]
        self._wait_for_moment(process, output, moment)
        if not process.running:
            _expect_success(process)
            return False
        seconds = time.monotonic() - process.started
        process.kill()
        problems = _problems(output, before)
        if before and "Resuming from" in process.printed and before[0] not in process.printed:
            problems.append(f"did not resume from {before[0]}")
        after = _last_steps(output)
        steps = after[1] if after else 0
        result = Kill(moment, seconds, self._is_writing(output), steps, problems)
        outcome.kills.append(result)
        self._report(result)
        return True

    def _wait_for_moment(self, process: TrainingProcess, output: Path, moment: str) -> None:
        if moment == "start":
            until = process.started + self._random.uniform(0, self._start_up)
            self._wait_for(process, lambda: time.monotonic() >= until)
            return
        if moment == "write":
            self._wait_for(process, lambda: self._is_writing(output))
            delay = self._random.uniform(0, 0.2) * self._gap
        else:
            old = _last_steps(output)
            self._wait_for(process, lambda: _last_name(output) not in (None, old and old[0]))
            delay = self._random.uniform(0, 1.5) * self._gap
        until = time.monotonic() + delay
        self._wait_for(process, lambda: time.monotonic() >= until)

    def _is_writing(self, output: Path) -> bool:
        """Whether this process, or the one just killed, left a file half-written."""
        return bool(_leftovers(output) - self._old_leftovers)

    def _wait_for(self, process: TrainingProcess, condition: Callable[[], bool]) -> float:
        """Poll until the condition holds or the process ends; seconds since the process started."""
        while process.running and not condition():
            time.sleep(POLL)
        return time.monotonic() - process.started

    def _start(self, output: Path) -> TrainingProcess:
        log = self._folder / f"process {self._starts}.log"
        workers = self._random.choice(WORKERS)
        self._starts += 1
        arguments = [
            *self._arguments,
            *self._options,
            *("OUTPUT_DIR", str(output), "DATALOADER.NUM_WORKERS", str(workers)),
        ]
        return TrainingProcess(self._train_net, arguments, log, forked=self._forked)


def _expect_success(process: TrainingProcess) -> None:
    status = process.wait()
    if status:
        raise MDPRError(f"the training failed (exit status {status}):\n{process.printed[-3000:]}")


def _leftovers(output: Path) -> set[Path]:
    return set(output.glob(".*.tmp"))


def _last_name(output: Path) -> str | None:
    try:
        return (output / LAST).read_text().strip()
    except FileNotFoundError:
        return None


def _last_steps(output: Path) -> tuple[str, int] | None:
    """(name, steps) of the last checkpoint."""
    name = _last_name(output)
    return None if name is None else (name, read_checkpoint(output / name)["iteration"])


def _problems(output: Path, before: tuple[str, int] | None) -> list[str]:
    """What must never be, after a kill: a damaged checkpoint, or one less than there was."""
    problems = []
    for path in output.glob("model_*.pth"):
        try:
            read_checkpoint(path)
        except MDPRError as error:
            problems.append(str(error))
    after = _last_name(output)
    if after is not None and not (output / after).exists():
        problems.append(f"{LAST} names {after}, which is not there")
    elif before is not None and after is None:
        problems.append(f"{LAST} is gone")
    elif before is not None and not problems:
        steps = read_checkpoint(output / str(after))["iteration"]
        if steps < before[1]:
            problems.append(f"went back from step {before[1]} to {steps}")
    return problems
