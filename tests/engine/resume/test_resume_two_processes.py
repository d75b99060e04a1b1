"""A run of two processes that is killed and resumed ends where one that was left alone does."""

import os
import signal
import time
from pathlib import Path

import pytest
from endurance.miniature_run import STEPS_PER_EPOCH, miniature_options
from endurance.run_comparison import compare_runs
from mdpr.checkpoint.reading import read_checkpoint
from mdpr_doctor.miniature import draw_miniature
from support.configs import ONE_BRANCH
from support.processes import start_train_net, train_net

EPOCHS = 2
OPTIONS = (
    *("--config-file", "configs/Synthetic/mdpr_R18.yml", "--num-gpus", 2),
    *miniature_options(epochs=4),
    *("SOLVER.IMS_PER_BATCH", 12, "DATALOADER.NUM_INSTANCE", 2, "DATALOADER.NUM_WORKERS", 0),
    *("SOLVER.CHECKPOINT_EVERY_ITERATIONS", 3, "SOLVER.EMA.ENABLED", True),
    # No evaluation is a hundred points better than the first: the second one ends the run.
    *("SOLVER.EARLY_STOPPING.PATIENCE", 1, "SOLVER.EARLY_STOPPING.MIN_DELTA", 100.0),
    *("TEST.EVAL_PERIOD", 1, *ONE_BRANCH),
)


@pytest.fixture(scope="module")
def environment(make_folder):
    root = make_folder("datasets")
    draw_miniature(root)
    return {"FASTREID_DATASETS": str(root), "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def alone(make_folder, environment):
    """The folder of a run that was left alone."""
    output = make_folder("left alone")
    result = train_net(*OPTIONS, "OUTPUT_DIR", output, **environment)
    assert result.returncode == 0, result.stdout + result.stderr
    content = read_checkpoint(output / "model_final.pth")
    assert content["iteration"] == EPOCHS * STEPS_PER_EPOCH  # it was stopped early
    assert content["ema"]["steps"] == EPOCHS * STEPS_PER_EPOCH
    return output


def start_and_wait_for_a_checkpoint(*options, output, environment):
    process = start_train_net(*options, *OPTIONS, "OUTPUT_DIR", output, **environment)
    until = time.monotonic() + 240
    while not (output / "last_checkpoint").exists() and time.monotonic() < until:
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.005)
    return process


def ranks_of(process):
    """Process ids, in no order."""
    tasks = Path(f"/proc/{process.pid}/task")
    children = [int(pid) for file in tasks.glob("*/children") for pid in file.read_text().split()]
    return [pid for pid in children if "resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_text()]


def test_kill_and_resume(tmp_path, environment, alone):
    killed = tmp_path / "killed"
    process = start_and_wait_for_a_checkpoint("--resume", output=killed, environment=environment)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    named = killed / (killed / "last_checkpoint").read_text()
    assert read_checkpoint(named)["iteration"] < EPOCHS * STEPS_PER_EPOCH
    result = train_net("--resume", *OPTIONS, "OUTPUT_DIR", killed, **environment)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Resuming from" in result.stdout
    assert "not exactly" not in result.stdout
    assert compare_runs(alone, killed) == []


def test_torchrun_restarts_a_killed_one(tmp_path, environment, alone):
    """Not told to resume, the restarted processes do, and set nothing aside."""
    killed = tmp_path / "restarted"
    torchrun = ("--standalone", "--nproc-per-node", 2, "--max-restarts", 1)
    process = start_and_wait_for_a_checkpoint(output=killed, environment=environment | {"torchrun": torchrun})
    assert len(ranks_of(process)) == 2
    os.kill(ranks_of(process)[-1], signal.SIGKILL)
    printed, _ = process.communicate(timeout=300)
    assert process.returncode == 0, printed
    assert "Restart 1 of the processes: " in printed
    assert "Resuming from" in printed
    assert "not exactly" not in printed
    assert not (killed / "previous").exists()
    assert compare_runs(alone, killed) == []
