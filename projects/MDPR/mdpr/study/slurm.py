"""Runs as jobs of a cluster, by ``submitit`` (``pip install 'mdpr[slurm]'``): a job a run."""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import yaml

from mdpr.errors import ConfigError
from mdpr.inference.extras import optional
from mdpr.study.plan import Run, Study
from mdpr.study.record import State, state_of
from mdpr.study.reuse import check_reuse
from mdpr.study.schedule import can_start, run_study

_A_DAY: Final = 24 * 60
_TO_SAVE: Final = (
    3  # minutes before a job's end in which its run saves; submitit's own signal comes 1.5 before
)


def submit_study(
    study: Study,
    runs: Sequence[Run],
    report: Callable[[str], object],
    *,
    parameters: Mapping[str, str],
    rerun: bool = False,
) -> list[Any]:
    """Submit what is missing, was cut off or failed; a job that finds its run finished, or running, ends.

    Args:
        study: it; ``output`` has to be a folder that all machines see.
        runs: those that are asked for.
        report: is told what was submitted.
        parameters: submitit's own, such as ``slurm_partition``, ``timeout_min``, ``gpus_per_node``; and
            ``cluster``, "slurm" where it is not given.
        rerun: as `mdpr.study.reuse.check_reuse`'s.

    Returns:
        submitit's jobs.

    Raises:
        ConfigError: as `run_study`, or a parameter that submitit does not know.
        InputError: submitit is missing.
    """
    submitit = optional("submitit", "slurm")
    check_reuse(study, runs, rerun=rerun, report=report)
    values: dict[str, Any] = {"cluster": "slurm", "timeout_min": _A_DAY}
    values |= {name: yaml.safe_load(value) for name, value in parameters.items()}
    minutes = max(1, values["timeout_min"] - _TO_SAVE)
    try:
        executor = submitit.AutoExecutor(folder=study.output / "jobs", cluster=values.pop("cluster"))
        executor.update_parameters(name=study.name, **values)
    except (NameError, TypeError, ValueError, RuntimeError) as error:
        raise ConfigError(f"--slurm: {' '.join(str(error).split())}") from error
    left = [run for run in runs if state_of(run.folder) not in (State.FINISHED, State.RUNNING)]
    ready = [run for run in left if can_start(run)]
    if later := len(left) - len(ready):
        report(f"{later} runs evaluate weights that are not there yet: submit again when they are")
    if not ready:
        return []
    with executor.batch():
        jobs = [executor.submit(run_one, study, run, minutes) for run in ready]
    for run, job in zip(ready, jobs, strict=True):
        report(f"{run.name}: job {job.job_id}")
    return jobs


def run_one(study: Study, run: Run, minutes: float) -> str:
    """What a job does.

    Returns:
        The state of the run.

    Raises:
        RuntimeError: it failed; why is in the job's output.
    """
    states = run_study(study, [run], lambda line: sys.stdout.write(f"{line}\n"), jobs=1, budget=minutes)
    if states[State.FAILED]:
        raise RuntimeError(f"{run.name} failed")
    return next(iter(states)).value
