"""One real run of a study, in this process: its command line, its fingerprint, and what its row costs."""

import json

import faiss
import pytest
import torch
from fastreid.modeling.meta_arch import build_model
from mdpr.engine.config_file import leaves
from mdpr.engine.fingerprint import NOT_OF_THE_RESULT, code_hash, data_hashes
from mdpr.engine.setup import read_config
from mdpr.evaluation import load_rankings
from mdpr.study import read_study
from mdpr.study.cost import cost_of
from mdpr.study.process import command
from mdpr.study.record import Attempt, Record, write_record
from mdpr.study.show import show_study
from support.configs import CONFIGS, tiny_config
from support.miniatures import make_duke
from support.training import run_here
from torch import nn

STUDY = f"""
rows:
  tiny:
    config: {CONFIGS / "Duke/mdpr_R50.yml"}
seeds: [4]
options:
  MODEL.DEVICE: cpu
  MODEL.BACKBONE.PRETRAIN: False
  MODEL.META_ARCHITECTURE: Baseline
  MODEL.BACKBONE.DEPTH: 18x
  MODEL.BACKBONE.FEAT_DIM: 512
  INPUT.SIZE_TRAIN: [64, 32]
  INPUT.SIZE_TEST: [64, 32]
  SOLVER.IMS_PER_BATCH: 16
  SOLVER.WARMUP_ITERS: 2
  SOLVER.MAX_EPOCH: 1
  DATALOADER.NUM_WORKERS: 0
"""


@pytest.fixture(scope="module")
def study(make_folder):
    folder = make_folder("study")
    make_duke(folder)
    (folder / "study.yml").write_text(f"{STUDY}output: {folder / 'out'}\n")
    study = read_study(folder / "study.yml")
    (run,) = study.runs
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FASTREID_DATASETS", str(folder))
        run_here(*command(study, run)[len(study.program) :])
    write_record(run.folder, Record(run.settings(), [Attempt(0, 1, code_hash(), 100, 0)]))
    return study


def test_the_table_has_what_the_run_found(study):
    (run,) = study.runs
    content = json.loads((run.folder / "results.json").read_text())
    saved = load_rankings(run.folder / "DukeMTMC_rankings.npz")
    assert 100 * saved.average_precision.mean() == pytest.approx(content["DukeMTMC"]["mAP"])
    row = next(line for line in show_study(study, study.runs).splitlines() if line.startswith("| tiny"))
    cost = cost_of(read_config(run.config, run.options)[0])
    assert f"{content['DukeMTMC']['mAP']:.2f}" in row
    assert f"{cost.parameters / 1e6:.1f} M" in row
    assert "0:01:40" in row


def test_fingerprint(study, tmp_path, monkeypatch):
    (run,) = study.runs
    found = json.loads((run.folder / "results.json").read_text())["fingerprint"]
    assert found["code"]["hash"] == code_hash()
    assert found["versions"]["torch"] == torch.__version__
    assert found["versions"]["faiss"] == faiss.__version__
    assert set(found["data"]) == {"DukeMTMC"}
    cfg = read_config(run.config, run.options)[0]
    root = make_duke(tmp_path)
    monkeypatch.setenv("FASTREID_DATASETS", str(tmp_path))
    assert data_hashes(cfg) == found["data"]  # the same images elsewhere
    monkeypatch.setattr("mdpr.engine.fingerprint._known_data", {})
    image = next((root / "query").iterdir())
    image.write_bytes(image.read_bytes() + b" ")
    assert data_hashes(cfg) != found["data"]
    monkeypatch.setenv("FASTREID_DATASETS", str(tmp_path / "none"))
    assert data_hashes(cfg) == {}


def test_keys_that_change_no_result_are_keys():
    keys = {key for key, _ in leaves(tiny_config())}
    assert keys >= NOT_OF_THE_RESULT


def test_cost_is_that_of_the_network():
    """Against a loop over the layers of fast-reid's Baseline while an image goes through."""
    options = ("MODEL.META_ARCHITECTURE", "Baseline", "MODEL.BACKBONE.WITH_IBN", False)
    cfg = tiny_config(*options)
    network = build_model(cfg).eval()
    operations = []

    def count(layer, _, output):
        operations.append(2 * output.numel() * layer.weight[0].numel())

    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(count)
    with torch.no_grad():
        network(torch.zeros(1, 3, 64, 32))
    cost = cost_of(cfg)
    assert cost.operations == sum(operations)
    parameters = {name: value.numel() for name, value in network.named_parameters()}
    assert cost.parameters == sum(parameters.values()) - parameters["heads.weight"]
