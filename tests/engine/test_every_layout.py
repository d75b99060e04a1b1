"""Every data set's layout trains one epoch and evaluates, from its shipped config."""

import csv
import json

import pytest
from support import miniatures
from support.configs import ONE_BRANCH
from support.training import run_here

SMALL = (
    *("MODEL.DEVICE", "cpu", "MODEL.BACKBONE.PRETRAIN", "False"),
    *("MODEL.BACKBONE.DEPTH", "18x", "MODEL.BACKBONE.FEAT_DIM", "512"),
    *("MODEL.MDPR.EMBEDDING_DIM", "8", "INPUT.SIZE_TRAIN", "[64,32]", "INPUT.SIZE_TEST", "[64,32]"),
    *("SOLVER.IMS_PER_BATCH", "16", "DATALOADER.NUM_INSTANCE", "4", "DATALOADER.NUM_WORKERS", "0"),
    *("SOLVER.MAX_EPOCH", "1", "SOLVER.WARMUP_ITERS", "0", *ONE_BRANCH),
)
LAYOUTS = {
    "Market1501": (miniatures.make_market, "Market1501"),
    "Duke": (miniatures.make_duke, "DukeMTMC"),
    "MSMT17": (miniatures.make_msmt17, "MSMT17"),
    "CUHK03": (miniatures.make_cuhk03np, "CUHK03NP"),
    "OccludedDuke": (miniatures.make_occluded_duke, "OccludedDuke"),
    "SynergyReID": (miniatures.make_synergy, "SynergyReID"),
}


def run(config, output, *options):
    run_here("--config-file", f"configs/{config}", *SMALL, "OUTPUT_DIR", output, *options)


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTREID_DATASETS", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("folder", LAYOUTS)
def test_layout_trains_and_evaluates(folder, root):
    make, name = LAYOUTS[folder]
    make(root)
    run(f"{folder}/mdpr_R50.yml", root / "run")
    results = json.loads((root / "run" / "results.json").read_text())
    assert set(results) == {name, "fingerprint"}
    assert results[name]["mAP"] > 0
    assert (root / "run" / "model_final.pth").exists()


@pytest.mark.parametrize("cameras_known", [True, False])
def test_own_images(root, cameras_known):
    miniatures.make_image_folder(root, cameras_known=cameras_known)
    name = "('ImageFolderReID',)"
    run(
        "Duke/mdpr_R50.yml",
        root / "run",
        *("DATASETS.NAMES", name, "DATASETS.TESTS", name, "DATASETS.IMAGE_FOLDER.PATH", "mine"),
    )
    results = json.loads((root / "run" / "results.json").read_text())
    assert results["ImageFolderReID"]["mAP"] > 0


@pytest.mark.parametrize("rerank", [False, True])
def test_challenge_writes_a_submission_and_no_score(root, rerank):
    folder = miniatures.make_synergy(root)
    challenge = ("DATASETS.SYNERGYREID.CHALLENGE", "True", "TEST.RERANK.ENABLED", str(rerank))
    run("SynergyReID/mdpr_R50.yml", root / "run", *challenge)
    assert not (root / "run" / "results.json").exists()
    with (root / "run" / "SynergyReID_submission.csv").open() as file:
        (_, *gallery), *rows = csv.reader(file)
    names = {
        split: sorted(path.stem for path in (folder / "reid_challenge" / split).iterdir())
        for split in ("query", "gallery")
    }
    assert gallery == names["gallery"]
    assert [row[0] for row in rows] == names["query"]
    assert all(len(row) == 1 + len(gallery) for row in rows)
    assert all(-1e-4 <= float(value) <= 2.0001 for row in rows for value in row[1:])
