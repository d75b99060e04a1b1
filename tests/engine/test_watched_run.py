"""A run with all that watches it on: TensorBoard's pictures, Weights & Biases, MLflow, `mdpr watch`.

It is stopped by a signal and resumed; beside it stands a run that nobody watched.
"""

import io
import json
import os
import signal
import urllib.request
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from endurance.miniature_run import STEPS_PER_EPOCH, miniature_options
from endurance.run_comparison import compare_runs
from mdpr.cli.main import main
from mdpr.engine.reporting.rank_sheet import rank_sheet, worst_to_best
from mdpr.engine.reporting.tensorboard_page import open_tensorboard
from mdpr.engine.trainer import Trainer
from mdpr.errors import ConfigError, InputError
from mdpr.evaluation import load_rankings
from mdpr_doctor.miniature import draw_miniature
from PIL import Image
from support.configs import CONFIGS
from support.training import run_here
from support.wandb_files import records, values
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

PACKAGES = {"WandbLogger": "wandb", "MLflowLogger": "mlflow"}
INSTALLED = [name for name, package in PACKAGES.items() if find_spec(package) is not None]
STOPPED_AT = 1


def needs(name):
    package = PACKAGES[name]
    return pytest.mark.skipif(name not in INSTALLED, reason=f"{package} is not installed")


def train(folder, *options):
    config = str(CONFIGS / "Synthetic/baseline_R18.yml")
    fixed = ("SOLVER.LOG_PERIOD", "2", "DATALOADER.NUM_WORKERS", "0", "TEST.EVAL_PERIOD", "1")
    sparing = (
        "SOLVER.CHECKPOINT_EVERY_ITERATIONS",
        "0",
        "SOLVER.CHECKPOINT_PERIOD",
        "10",
        "SOLVER.OPT",
        "SGD",
    )
    run_here(
        *("--config-file", config, "--resume", *miniature_options(1), *fixed, *sparing),
        *("OUTPUT_DIR", folder, "TEST.MDPR.SAVE_RANKINGS", "True", *options),
    )


@pytest.fixture(scope="module")
def runs(make_folder):
    """The folder with both runs, and where their services keep what they get."""
    root = make_folder("watched")
    draw_miniature(root)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FASTREID_DATASETS", str(root))
        patch.setenv("WANDB_MODE", "offline")
        patch.setenv("WANDB_SILENT", "true")
        patch.setenv("MLFLOW_TRACKING_URI", (root / "mlruns").as_uri())
        patch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # for runs without a server or a database
        train(root / "alone")
        run_step = Trainer.run_step

        def stopped(self):
            if self.iter == STOPPED_AT:
                os.kill(os.getpid(), signal.SIGTERM)
            run_step(self)

        patch.setattr(Trainer, "run_step", stopped)
        with pytest.raises(SystemExit):
            train(root / "run", "SOLVER.LOGGERS", INSTALLED)
        patch.setattr(Trainer, "run_step", run_step)
        train(root / "run", "SOLVER.LOGGERS", INSTALLED)
    torch.set_num_threads(threads)
    return root


def lines_of(root):
    return [json.loads(line) for line in (root / "run/metrics.json").read_text().splitlines()]


def test_who_watches_changes_nothing(runs):
    assert compare_runs(runs / "alone", runs / "run") == []


def test_curves_say_how_far_and_how_long(runs):
    lines = lines_of(runs)
    assert [line["epoch"] for line in lines] == [(line["iteration"] + 1) / STEPS_PER_EPOCH for line in lines]
    assert [line["eta_seconds"] > 0 for line in lines] == [True] * (len(lines) - 1) + [False]


def test_tensorboard_has_the_last_rank_lists(runs):
    events = EventAccumulator(str(runs / "run"), size_guidance={"images": 0, "scalars": 0})
    events.Reload()
    assert {"loss_group/other", "total_loss", "eta_seconds", "epoch", "mAP"} & set(
        events.Tags()["scalars"]
    ) >= {
        "total_loss",
        "eta_seconds",
        "epoch",
        "mAP",
    }
    tags = [f"rank_lists/ImageFolderReID/{name}" for name in ("by_chance", "worst_to_best")]
    assert sorted(events.Tags()["images"]) == tags
    pictures = events.Images(tags[1])
    assert [picture.step + 1 for picture in pictures] == [STEPS_PER_EPOCH]
    rankings = load_rankings(runs / "run/ImageFolderReID_rankings.npz")
    expected = rank_sheet(rankings, worst_to_best(rankings.average_precision, 8))
    shown = np.asarray(Image.open(io.BytesIO(pictures[-1].encoded_image_string)))
    assert np.array_equal(shown.transpose(2, 0, 1), expected)


def test_watch_says_how_it_ended_and_opens_the_page(runs, capsys):
    assert main(["watch", str(runs / "run"), "--once"]) == 0
    printed = capsys.readouterr().out
    assert "finished" in printed
    assert "1.00 of 1" in printed
    url = open_tensorboard(runs / "run", port=0)
    with urllib.request.urlopen(f"{url}data/environment", timeout=60) as answer:
        assert str(runs / "run") in json.load(answer)["data_location"]
    port = int(url.rstrip("/").rpartition(":")[2])
    with pytest.raises(InputError, match="already in use"):
        open_tensorboard(runs / "run", port=port)


@needs("WandbLogger")
def test_weights_and_biases_has_the_run(runs):
    """In two files, as it was resumed, of one run."""
    parts = [list(records(file)) for file in sorted((runs / "run/wandb").glob("offline-run-*/*.wandb"))]
    assert len(parts) == 2
    run_id = (runs / "run/WandbLogger.run_id").read_text().strip()
    for part, exit_code in zip(parts, (1, 0), strict=True):
        (started,) = [record.run for record in part if record.HasField("run")]
        assert (started.run_id, started.display_name) == (run_id, f"{runs.name}/run")
        config = values(started.config.update)
        assert (config["SOLVER.MAX_EPOCH"], config["MODEL.META_ARCHITECTURE"]) == (1, "Baseline")
        assert [record.exit.exit_code for record in part if record.HasField("exit")] == [exit_code]
    logged = [record.history for part in parts for record in part if record.HasField("history")]
    kept = [{"iteration": line.step.num, **values(line.item)} for line in logged]
    assert [{name: value for name, value in line.items() if name[0] != "_"} for line in kept] == lines_of(
        runs
    )
    summary = {
        name: value
        for record in parts[1]
        if record.HasField("summary")
        for name, value in values(record.summary.update).items()
    }
    assert summary["results"] == json.loads((runs / "run/results.json").read_text())


@needs("MLflowLogger")
def test_mlflow_has_the_run(runs):
    client = import_module("mlflow").MlflowClient((runs / "mlruns").as_uri())
    (experiment,) = [one for one in client.search_experiments() if one.name == "mdpr"]
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.run_id == (runs / "run/MLflowLogger.run_id").read_text().strip()
    assert run.info.run_name == f"{runs.name}/run"
    assert run.info.status == "FINISHED"
    assert run.data.params["SOLVER.MAX_EPOCH"] == "1"
    assert run.data.params["MODEL.META_ARCHITECTURE"] == "Baseline"
    for name in ("total_loss", "lr", "mAP", "Rank-1"):
        logged = [(metric.step, metric.value) for metric in client.get_metric_history(run.info.run_id, name)]
        assert logged == [(line["iteration"], line[name]) for line in lines_of(runs) if name in line]
    artifacts = Path(client.download_artifacts(run.info.run_id, ""))
    assert (artifacts / "config.yaml").read_bytes() == (runs / "run/config.yaml").read_bytes()
    assert json.loads((artifacts / "results.json").read_text()) == json.loads(
        (runs / "run/results.json").read_text()
    )


def test_a_logger_that_is_not_there_is_told_before_a_run_is_set_aside(runs):
    before = sorted(path.name for path in (runs / "run").iterdir())
    with pytest.raises(ConfigError, match=r"SOLVER.LOGGERS is 'WandbLoger'.*did you mean 'WandbLogger'"):
        train(runs / "run", "SOLVER.LOGGERS", ["WandbLoger"])
    assert sorted(path.name for path in (runs / "run").iterdir()) == before
