"""Runs as submitit's jobs, by its local executor: a process a job, as on a cluster."""

import pytest
from mdpr.errors import ConfigError
from mdpr.study.record import State, state_of
from mdpr.study.slurm import submit_study
from support.studies import write_study

pytest.importorskip("submitit")


def test_a_job_a_run(tmp_path):
    study = write_study(tmp_path, {"a": {}, "bad": {"options": ["STUB.FAIL", 3]}})
    told = []
    parameters = {"cluster": "local", "timeout_min": "5"}
    jobs = submit_study(study, study.runs, told.append, parameters=parameters)
    assert jobs[0].result() == "finished"
    assert "bad/seed0 failed" in str(jobs[1].exception())
    assert [state_of(run.folder) for run in study.runs] == [State.FINISHED, State.FAILED]
    assert told == [f"{run.name}: job {job.job_id}" for run, job in zip(study.runs, jobs, strict=True)]
    # What is finished is submitted no more.
    assert submit_study(study, study.runs[:1], told.append, parameters=parameters) == []
    with pytest.raises(ConfigError, match=r"--slurm: .*colour"):
        submit_study(study, study.runs, told.append, parameters={"cluster": "local", "colour": "red"})
