"""train_net.py in several processes, as a user starts it."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.configs import ONE_BRANCH
from support.miniatures import Shape, make_duke
from support.processes import PACKAGE, free_url, python, train_net
from support.training import run_here

# 27 images to test on: an odd number for two processes.
ODD = Shape(train_identities=4, test_identities=3, cameras=3, images=3)
SMALL = (
    *("--config-file", "configs/Duke/mdpr_R50.yml"),
    *("MODEL.DEVICE", "cpu", "MODEL.BACKBONE.PRETRAIN", "False"),
    *("MODEL.BACKBONE.DEPTH", "18x", "MODEL.BACKBONE.FEAT_DIM", "512"),
    *("MODEL.BACKBONE.NORM", "syncBN", "MODEL.MDPR.EMBEDDING_DIM", "16"),
    *("INPUT.SIZE_TRAIN", "[64,32]", "INPUT.SIZE_TEST", "[64,32]", "TEST.IMS_PER_BATCH", "8"),
    *("SOLVER.IMS_PER_BATCH", "16", "DATALOADER.NUM_INSTANCE", "4", "DATALOADER.NUM_WORKERS", "0"),
    *("SOLVER.WARMUP_ITERS", "2", "SOLVER.MAX_EPOCH", "2", "TEST.EVAL_PERIOD", "1"),
    *ONE_BRANCH,
)


@pytest.fixture(scope="module")
def datasets(make_folder):
    root = make_folder("datasets")
    make_duke(root, ODD)
    return root


@pytest.fixture(scope="module")
def run(make_folder, datasets):
    """Two epochs with an evaluation after each, on two "machines" of one process."""
    folder = make_folder("run")
    url = free_url()

    def machine(rank):
        flags = ("--num-machines", 2, "--machine-rank", rank, "--dist-url", url)
        environment = {"FASTREID_DATASETS": str(datasets), "OMP_NUM_THREADS": "1"}  # one host
        return train_net(*flags, *SMALL, "OUTPUT_DIR", folder, **environment)

    with ThreadPoolExecutor(2) as machines:
        results = list(machines.map(machine, (0, 1)))
    for result in results:
        assert result.returncode == 0, result.stdout + result.stderr
    return folder, results


def metrics(folder):
    return json.loads((folder / "results.json").read_text())["DukeMTMC"]


def test_the_first_process_alone_reports(run):
    folder, (first, second) = run
    assert first.stdout.count("Results, also in") == 2  # it went on after the first evaluation
    assert second.stdout == ""
    assert "Process 1 of 2" in (folder / "log.txt.rank1").read_text()
    for result in (first, second):
        assert "Warning" not in result.stderr
        assert "Traceback" not in result.stderr


def test_the_batch_is_shared(run):
    folder, _ = run
    # 36 training images, 16 of them a step over both processes.
    lines = [json.loads(line) for line in (folder / "metrics.json").read_text().splitlines()]
    assert lines[-1]["iteration"] == 2 * (36 // 16) - 1
    assert "cls_accuracy" in lines[-1]


def test_torchrun_evaluates_the_checkpoint_as_training_did(run, datasets, tmp_path):
    folder, _ = run
    result = python(
        *("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", 2),
        *(PACKAGE / "train_net.py", "--eval-only", *SMALL, "OUTPUT_DIR", tmp_path),
        *("MODEL.WEIGHTS", folder / "model_final.pth"),
        FASTREID_DATASETS=str(datasets),
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Process 1 of 2" in (tmp_path / "log.txt.rank1").read_text()
    assert metrics(tmp_path) == pytest.approx(metrics(folder), abs=1e-3)


def test_one_process_evaluates_as_two_do(run, datasets, tmp_path, monkeypatch):
    folder, _ = run
    monkeypatch.setenv("FASTREID_DATASETS", str(datasets))
    options = ("OUTPUT_DIR", tmp_path, "MODEL.WEIGHTS", folder / "model_final.pth")
    run_here("--eval-only", *SMALL, *options)
    assert metrics(tmp_path) == pytest.approx(metrics(folder), abs=0.01)
