"""train_net.py as a user runs it: train, checkpoint, evaluate, resume, and say what is wrong."""

import json
import re

import pytest
import torch
import yaml
from mdpr.errors import MDPRError
from support.miniatures import make_duke
from support.processes import train_net
from support.training import run_here
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

DUKE = ("--config-file", "configs/Duke/mdpr_R50.yml")
SMALL = (
    *("MODEL.DEVICE", "cpu", "MODEL.BACKBONE.PRETRAIN", "False"),
    *("MODEL.BACKBONE.DEPTH", "18x", "MODEL.BACKBONE.FEAT_DIM", "512"),
    *(
        "MODEL.MDPR.EMBEDDING_DIM",
        "16",
        "INPUT.SIZE_TRAIN",
        "[64,32]",
        "INPUT.SIZE_TEST",
        "[64,32]",
    ),
    *("SOLVER.IMS_PER_BATCH", "16", "DATALOADER.NUM_INSTANCE", "4", "DATALOADER.NUM_WORKERS", "0"),
    # A cosine to nearly nothing over two epochs would round the last steps of some weights away.
    *("SOLVER.ETA_MIN_LR", "0.0001"),
    *("SOLVER.WARMUP_ITERS", "2", "SOLVER.CHECKPOINT_PERIOD", "1", "TEST.EVAL_PERIOD", "1"),
)


@pytest.fixture(scope="module")
def datasets(make_folder):
    root = make_folder("datasets")
    make_duke(root)
    return root


@pytest.fixture(scope="module")
def run(make_folder, datasets):
    """Two epochs on a Duke-shaped miniature."""
    folder = make_folder("run")
    options = (*DUKE, *SMALL, "SOLVER.MAX_EPOCH", "2", "OUTPUT_DIR", folder)
    result = train_net(*options, FASTREID_DATASETS=str(datasets))
    assert result.returncode == 0, result.stdout + result.stderr
    return folder, result


def metrics(folder):
    return json.loads((folder / "results.json").read_text())


def test_what_a_run_leaves(run):
    folder, result = run
    names = {path.name for path in folder.iterdir()}
    assert names >= {
        *("log.txt", "config.yaml", "metrics.json", "results.json", "last_checkpoint"),
        *("model_0000.pth", "model_best.pth", "model_final.pth"),
    }
    assert set(metrics(folder)) == {"DukeMTMC", "fingerprint"}
    values = metrics(folder)["DukeMTMC"]
    assert set(values) == {"mAP", "Rank-1", "Rank-5", "Rank-10", "mINP"}
    assert all(0 <= value <= 100 for value in values.values())
    # The config asks for mixed precision: one line says that this machine trains without.
    assert result.stdout.count("training in float32 on the CPU") == 1
    # Piped: plain lines, no bar.
    assert "epoch 2/2 step 4/4" in result.stdout
    assert "\r" not in result.stdout
    for word in ("loss", "(hard ", "lr", "images/s", "data wait", "memory", "eta"):
        assert word in result.stdout
    for row in ("best mAP", "waiting for data", "peak memory", str(folder / "model_final.pth")):
        assert row in result.stdout
    assert "Warning" not in result.stderr


def test_the_first_screen_is_short(run):
    """What this run's file and options set; the rest is in files."""
    folder, result = run
    before, _, _ = result.stdout.partition("Starting training")
    lines = before.splitlines()
    assert len(lines) <= 35
    assert "Config: configs/Duke/mdpr_R50.yml on configs/Base-MDPR.yml, with" in lines[0]
    assert "  SOLVER.MAX_EPOCH: 2" in lines
    assert f"The whole config is in {folder / 'config.yaml'}" in before
    # What the base sets, the environment, and a seed that is not SEED are not said.
    for word in ("CLS_LAYER", "WARMUP_METHOD", "PyTorch", "generated random seed", "CUDA_HOME"):
        assert word not in result.stdout + result.stderr
    log = (folder / "log.txt").read_text()
    assert "Command line: " in log
    assert f"torch {torch.__version__.partition('+')[0]}" in log
    saved = yaml.safe_load((folder / "config.yaml").read_text())
    assert saved["MODEL"]["HEADS"]["CLS_LAYER"] == "CircleSoftmax"
    assert saved["SOLVER"]["MAX_EPOCH"] == 2


def test_curves(run):
    """Every term, their groups, and both evaluations, in metrics.json and for TensorBoard."""
    folder, _ = run
    lines = [json.loads(line) for line in (folder / "metrics.json").read_text().splitlines()]
    assert [line["iteration"] for line in lines] == [3, 7]  # the ends of the epochs
    for line in lines:
        terms = sum(value for name, value in line.items() if name.startswith("loss_") and "/" not in name)
        groups = sum(value for name, value in line.items() if name.startswith("loss_group/"))
        assert line["total_loss"] == pytest.approx(terms, rel=1e-5)
        assert line["total_loss"] == pytest.approx(groups, rel=1e-5)
        assert {"mAP", "lr", "cls_accuracy", "gradient_norm", "images_per_second"} <= set(line)
    events = EventAccumulator(str(folder))
    events.Reload()
    assert set(events.Tags()["scalars"]) == {name for name in lines[-1] if name != "iteration"}


def test_weights_moved(run):
    folder, _ = run
    first, last = (
        torch.load(folder / name, weights_only=True)["model"]
        for name in ("model_0000.pth", "model_final.pth")
    )
    still = [name for name in first if name.endswith("weight") and torch.equal(first[name], last[name])]
    assert still == []


def test_evaluation_of_the_checkpoint_reproduces_the_run(run, datasets, tmp_path):
    folder, _ = run
    result = train_net(
        *(*DUKE, "--eval-only", *SMALL, "OUTPUT_DIR", tmp_path),
        *("MODEL.WEIGHTS", folder / "model_final.pth", "TEST.RERANK.ENABLED", "True"),
        FASTREID_DATASETS=str(datasets),
    )
    assert result.returncode == 0, result.stdout + result.stderr
    again = metrics(tmp_path)
    assert set(again) == {"DukeMTMC", "DukeMTMC+rerank", "fingerprint"}
    assert again["DukeMTMC"] == metrics(folder)["DukeMTMC"]
    assert "8 classifiers left out" in result.stdout
    assert "incompatible" not in result.stdout


def test_resume_goes_on_and_a_new_run_keeps_the_old_one(run, datasets, monkeypatch):
    folder, _ = run
    final = (folder / "model_final.pth").read_bytes()
    options = (*DUKE, *SMALL, "OUTPUT_DIR", folder)
    monkeypatch.setenv("FASTREID_DATASETS", str(datasets))
    resumed = train_net("--resume", *options, "SOLVER.MAX_EPOCH", "3")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert "Starting training from epoch 2" in resumed.stdout
    assert "epoch 3/3" in resumed.stdout
    assert "epoch 2/3" not in resumed.stdout

    run_here("--resume", *options, "SOLVER.MAX_EPOCH", "3")
    assert "All 3 epochs are done" in (folder / "log.txt").read_text()

    new = train_net(*options, "SOLVER.MAX_EPOCH", "1")
    assert new.returncode == 0, new.stdout + new.stderr
    assert "was set aside in" in new.stdout
    (previous,) = (folder / "previous").iterdir()
    assert (previous / "model_0000.pth").exists()
    assert final != (previous / "model_final.pth").read_bytes()  # the resumed run's


@pytest.mark.parametrize("architecture", ["Baseline", "MGN"])
def test_fastreids_own_architectures_train(architecture, datasets, tmp_path, monkeypatch):
    monkeypatch.setenv("FASTREID_DATASETS", str(datasets))
    run_here(
        *("--config-file", "configs/Synthetic/baseline_R18.yml", *SMALL),
        *("MODEL.META_ARCHITECTURE", architecture, "OUTPUT_DIR", tmp_path),
        *("DATASETS.NAMES", "('DukeMTMC',)", "DATASETS.TESTS", "('DukeMTMC',)"),
        *("SOLVER.MAX_EPOCH", "1", "MODEL.HEADS.NAME", "EmbeddingHead"),
        # MGN is written for three stripes, and heads that reduce.
        *("MODEL.HEADS.EMBEDDING_DIM", "16", "INPUT.SIZE_TRAIN", "[96,32]", "INPUT.SIZE_TEST", "[96,32]"),
    )
    assert set(metrics(tmp_path)) == {"DukeMTMC", "fingerprint"}


def test_missing_data_set_is_one_line(tmp_path):
    result = train_net(*DUKE, *SMALL, "OUTPUT_DIR", tmp_path, FASTREID_DATASETS="/nowhere")
    assert result.returncode == 1
    assert "Traceback" not in result.stderr + result.stdout
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    for part in ("/nowhere/DukeMTMC-reID", "FASTREID_DATASETS", "DukeMTMC"):
        assert part in line


ERRORS = {
    "bad switch": ((), ("MODEL.MDPR.NUM_PARTS", "7"), "MODEL.MDPR.NUM_PARTS is 7"),
    "no weights": (("--eval-only",), (), "--eval-only needs weights"),
    "weights not there": (
        ("--eval-only",),
        ("MODEL.WEIGHTS", "none.pth"),
        "no checkpoint at none.pth",
    ),
    "unequal identities": (
        (),
        ("DATALOADER.NUM_INSTANCE", "5"),
        "DATALOADER.NUM_INSTANCE is 5: expected a divisor of the 16 images",
    ),
    "too few identities": (
        (),
        ("DATALOADER.NUM_INSTANCE", "1"),
        "takes 16 identities a batch: the training set has 8",
    ),
    "batch larger than the set": (
        (),
        ("SOLVER.IMS_PER_BATCH", "96"),
        "SOLVER.IMS_PER_BATCH is 96: expected no more than the 64 training images",
    ),
    "sampler": ((), ("DATALOADER.SAMPLER_TRAIN", "Sampler"), "expected one of TrainingSampler"),
    "data set": ((), ("DATASETS.NAMES", "('Duke',)"), "did you mean"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_error_says_what_is_wrong(case, datasets, tmp_path, monkeypatch):
    flags, options, message = ERRORS[case]
    monkeypatch.setenv("FASTREID_DATASETS", str(datasets))
    arguments = [*DUKE, *flags, *SMALL, "OUTPUT_DIR", str(tmp_path), *options]
    with pytest.raises(MDPRError, match=re.escape(message)):
        run_here(*arguments)
