"""Evaluation by train_net.py on several sets at once, and what a kill in the middle of one leaves."""

import json
import logging

import numpy as np
import pytest
import torch
from mdpr.engine.trainer import Trainer
from mdpr.errors import DatasetError
from mdpr.evaluation import load_features, load_rankings, score_saved_features
from support.configs import ROOT, tiny_config
from support.miniatures import make_duke, make_market
from support.processes import python
from torch import nn

SETS = ("DukeMTMC", "Market1501")
SWITCHES = (
    *("TEST.FLIP.ENABLED", True, "TEST.RERANK.ENABLED", True, "TEST.RERANK.K1", 6),
    *("TEST.MDPR.SAVE_FEATURES", True, "TEST.MDPR.SAVE_RANKINGS", True),
)


@pytest.fixture(scope="module")
def datasets(make_folder):
    root = make_folder("datasets")
    make_duke(root)
    make_market(root)
    return root


@pytest.fixture(scope="module")
def options():
    return (*("DATALOADER.NUM_WORKERS", 0, "DATASETS.NAMES", ("DukeMTMC",), "DATASETS.TESTS", SETS),)


class Noisy(nn.Module):
    """Features with noise, so that scores are not perfect and differ between sets."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, inputs):
        features = self.model(inputs)
        return features + 2 * features.std() * torch.randn_like(features)


def test_several_sets_in_one_run(datasets, options, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("FASTREID_DATASETS", str(datasets))
    cfg = tiny_config(*options, *SWITCHES, "OUTPUT_DIR", str(tmp_path))
    model = Noisy(Trainer.build_model(cfg))
    with caplog.at_level(logging.INFO):
        returned = Trainer.test(cfg, model)
    assert list(returned) == list(SETS)
    names = [name + setting for name in SETS for setting in ("", "+rerank")]
    results = json.loads((tmp_path / "results.json").read_text())
    assert list(results) == [*names, "fingerprint"]
    assert len({results[name]["mAP"] for name in names}) == 4
    tables = [record.message for record in caplog.records if "| data set" in record.message]
    assert len(tables) == 1
    for name in names:
        (row,) = [line for line in tables[0].splitlines() if line.startswith(f"| {name} ")]
        assert f" {results[name]['mAP']:.2f} " in row
        rankings = load_rankings(tmp_path / f"{name}_rankings.npz")
        assert 100 * np.mean(rankings.average_precision) == pytest.approx(results[name]["mAP"])
        assert all(str(datasets) in path for path in rankings.query_path)
    for name in SETS:
        saved = load_features(tmp_path / f"{name}_features.npz")
        assert score_saved_features(saved) == pytest.approx(results[name])


def test_a_missing_set_is_named_before_any_is_evaluated(datasets, options, tmp_path, monkeypatch):
    monkeypatch.setenv("FASTREID_DATASETS", str(datasets))
    cfg = tiny_config(*options, "DATASETS.TESTS", ("DukeMTMC", "MSMT17"), "OUTPUT_DIR", str(tmp_path))
    with pytest.raises(DatasetError, match="MSMT17"):
        Trainer.test(cfg, None)


# --- kill -9


@pytest.fixture(scope="module")
def killed(datasets, make_folder):
    """Folders of evaluations killed in the middle of writing a file, see the worker."""
    folder = make_folder("killed")
    result = python(ROOT / "tests/engine/killed_evaluation.py", folder, **environment(datasets))
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


def environment(datasets):
    return {
        "FASTREID_DATASETS": str(datasets),
        "PYTHONPATH": f"{ROOT / 'projects/MDPR'}:{ROOT / 'tests'}",
    }


def visible_files(folder):
    """Contents by name, without what a killed write leaves under a hidden name."""
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if not (path.name.startswith(".") and path.name.endswith(".tmp"))
    }


# In the order in which they are written.
FILES = ["DukeMTMC_features.npz", "DukeMTMC_rankings.npz", "results.json"]


@pytest.mark.parametrize("target", FILES)
def test_a_kill_leaves_the_files_of_the_evaluation_before(killed, target):
    earlier, after = visible_files(killed / "earlier"), visible_files(killed / target)
    assert set(after) == set(earlier) == set(FILES)
    for number, name in enumerate(FILES):
        assert (after[name] == earlier[name]) == (number >= FILES.index(target)), name
    load_features(killed / target / "DukeMTMC_features.npz")
    load_rankings(killed / target / "DukeMTMC_rankings.npz")
    assert json.loads(after["results.json"])


def test_a_kill_of_the_first_evaluation_leaves_whole_files_only(killed):
    assert set(visible_files(killed / "first")) == {"DukeMTMC_features.npz"}
    load_features(killed / "first" / "DukeMTMC_features.npz")
