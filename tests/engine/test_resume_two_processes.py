"""A run of two processes that is killed and resumed ends where one that was left alone does."""

import os
import signal
import time

import pytest
from endurance.miniature_run import (
    STEPS_PER_EPOCH,
    draw_miniature,
    miniature_options,
)
from endurance.run_comparison import compare_runs
from mdpr.checkpoint.reading import read_checkpoint
from support.processes import start_train_net, train_net

EPOCHS = 2
OPTIONS = (
    *("--config-file", "configs/Synthetic/mdpr_R18.yml", "--resume", "--num-gpus", 2),
    *miniature_options(epochs=4),
    *("SOLVER.IMS_PER_BATCH", 12, "DATALOADER.NUM_INSTANCE", 2, "DATALOADER.NUM_WORKERS", 0),
    *("SOLVER.CHECKPOINT_EVERY_ITERATIONS", 3, "SOLVER.EMA.ENABLED", True),
    # No evaluation is a hundred points better than the first: the second one ends the run.
    *("SOLVER.EARLY_STOPPING.PATIENCE", 1, "SOLVER.EARLY_STOPPING.MIN_DELTA", 100.0),
    *("TEST.EVAL_PERIOD", 1),
)


@pytest.fixture(scope="module")
def environment(make_folder):
    root = make_folder("datasets")
    draw_miniature(root)
    return {"FASTREID_DATASETS": str(root), "OMP_NUM_THREADS": "1"}


def kill_after_the_first_checkpoint(output, environment):
    process = start_train_net(*OPTIONS, "OUTPUT_DIR", output, **environment)
    try:
        until = time.monotonic() + 120
        while not (output / "last_checkpoint").exists() and time.monotonic() < until:
            assert process.poll() is None, process.stdout.read()
            time.sleep(0.005)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_kill_and_resume(tmp_path, environment):
    alone, killed = tmp_path / "left alone", tmp_path / "killed"
    result = train_net(*OPTIONS, "OUTPUT_DIR", alone, **environment)
    assert result.returncode == 0, result.stdout + result.stderr
    content = read_checkpoint(alone / "model_final.pth")
    assert content["iteration"] == EPOCHS * STEPS_PER_EPOCH  # it was stopped early
    assert content["ema"]["steps"] == EPOCHS * STEPS_PER_EPOCH

    kill_after_the_first_checkpoint(killed, environment)
    named = killed / (killed / "last_checkpoint").read_text()
    assert read_checkpoint(named)["iteration"] < EPOCHS * STEPS_PER_EPOCH
    result = train_net(*OPTIONS, "OUTPUT_DIR", killed, **environment)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Resuming from" in result.stdout
    assert "not exactly" not in result.stdout
    assert compare_runs(alone, killed) == []
