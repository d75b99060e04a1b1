"""One run as a process: started where it was cut off, noted in its record, and told to stop by signal."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import mdpr
from mdpr.engine.fingerprint import code_hash
from mdpr.study.plan import Run, Study
from mdpr.study.record import OUTPUT, Attempt, Record, read_record, write_record


class RunProcess:
    """A run that has been started.

    Args:
        study: how runs are started.
        run: which one.
        lock: its descriptor, of `mdpr.study.record.take_lock`; the process inherits it, and `close` ends it.
        environment: further variables of the process.
        at_once: how many runs share the machine.
    """

    def __init__(
        self, study: Study, run: Run, lock: int, environment: Mapping[str, str], at_once: int
    ) -> None:
        self.run, self._study, self._lock = run, study, lock
        self._record = read_record(run.folder) or Record({})
        self._record.settings = run.settings()
        self._attempt = Attempt(time.time(), at_once, code_hash())
        self._record.attempts.append(self._attempt)
        write_record(run.folder, self._record)
        packages = str(Path(mdpr.__file__).parents[1])  # this program's own, wherever it was imported from
        path = os.pathsep.join(filter(None, (packages, os.environ.get("PYTHONPATH"))))
        with (run.folder / OUTPUT).open("ab") as output:
            self._process = subprocess.Popen(
                command(study, run),
                env={**os.environ, "PYTHONPATH": path, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(lock,),
                start_new_session=True,  # Ctrl-C comes to it once: from the schedule
            )

    def stop(self) -> None:
        """Let it save and end; when called again, let it end at once."""
        self._process.send_signal(signal.SIGTERM)

    def poll(self) -> int | None:
        """The exit code of a run that has ended, which is noted in its record; None while it runs."""
        exit_code = self._process.poll()
        if exit_code is not None and self._attempt.exit_code is None:
            self._attempt.ended, self._attempt.exit_code = time.time(), exit_code
            write_record(self.run.folder, self._record)
            if exit_code == 0:
                _remove_checkpoints(self.run.folder, self._study.checkpoints)
            os.close(self._lock)
        return exit_code

    @property
    def seconds(self) -> float:
        """Of all attempts together."""
        return self._record.seconds


def command(study: Study, run: Run) -> list[str]:
    """The command line of a run."""
    how, last = "--resume", list(run.options)
    if run.weights is not None:
        how = "--eval-only"
        last += ["MODEL.WEIGHTS", str(run.weights.folder / "model_final.pth")]
    return [
        *(*study.program, "--config-file", run.config, how, *last),
        *("OUTPUT_DIR", str(run.folder), "SEED", str(run.seed), "TEST.MDPR.SAVE_RANKINGS", "True"),
    ]


def end_of_output(folder: Path, lines: int = 15) -> str:
    """The last lines that a run wrote, indented."""
    text = (folder / OUTPUT).read_text(encoding="utf-8", errors="replace")
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])


def set_aside(folder: Path, lock: int) -> Path:
    """Rename the folder of a run that will be run anew, and give up its lock."""
    try:
        return folder.rename(f"{folder}_before_{time.strftime('%Y-%m-%d_%H-%M-%S')}")
    finally:
        os.close(lock)


def _remove_checkpoints(folder: Path, kept: str) -> None:
    """The last one is ``model_final.pth``, which ``last_checkpoint`` names."""
    going = {"all": (), "final": ("model_[!f]*.pth",), "none": ("model_*.pth", "last_checkpoint")}
    for pattern in going[kept]:
        for path in folder.glob(pattern):
            path.unlink()
