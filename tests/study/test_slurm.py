"""Runs as submitit's jobs, by its local executor: a process a job, as on a cluster."""

import pytest
from mdpr.errors import ConfigError
from mdpr.study.record import State, state_of
from mdpr.study.slurm import run_one, submit_study
from support.studies import write_study

pytest.importorskip("submitit")


def test_a_job_a_run(tmp_path):
    rows = {"a": {}, "bad": {"options": ["STUB.FAIL", 3]}, "of bad": {"weights": "bad"}}
    study = write_study(tmp_path, rows)
    told = []
    parameters = {"cluster": "local", "timeout_min": "5"}
    (job,) = submit_study(study, study.runs[:1], told.append, parameters=parameters)
    assert job.result() == "finished"
    assert state_of(study.runs[0].folder) is State.FINISHED
    assert told == [f"a/seed0: job {job.job_id}"]
    # What is finished is submitted no more; what fails, fails as a job.
    assert submit_study(study, study.runs[:1], told.append, parameters=parameters) == []
    with pytest.raises(RuntimeError, match="bad/seed0 failed"):
        run_one(study, study.runs[1], 5)
    assert submit_study(study, study.runs[2:], told.append, parameters=parameters) == []
    assert told[-1] == "1 runs evaluate weights that are not there yet: submit again when they are"
    with pytest.raises(ConfigError, match=r"--slurm: .*colour"):
        submit_study(study, study.runs, told.append, parameters={"cluster": "local", "colour": "red"})
