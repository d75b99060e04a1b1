"""A run on GPUs that are stubs: what has to be decided for a GPU is, and it ends well, or tells why not."""

import os

import pytest
from mdpr.engine.results import read_results
from support.configs import ONE_BRANCH, ROOT
from support.miniatures import Shape, make_duke
from support.processes import PACKAGE, train_net

STUBS = os.pathsep.join(map(str, (ROOT / "tests/support/stubbed_cuda", PACKAGE)))
OPTIONS = (
    *("--num-gpus", "2", "--config-file", "configs/Duke/mdpr_R50.yml", "MODEL.BACKBONE.PRETRAIN", "False"),
    *("MODEL.BACKBONE.DEPTH", "18x", "MODEL.BACKBONE.FEAT_DIM", "512", "MODEL.MDPR.EMBEDDING_DIM", "16"),
    *("INPUT.SIZE_TRAIN", "[64,32]", "INPUT.SIZE_TEST", "[64,32]", "TEST.IMS_PER_BATCH", "8"),
    *("SOLVER.IMS_PER_BATCH", "16", "DATALOADER.NUM_INSTANCE", "4", "DATALOADER.NUM_WORKERS", "1"),
    *("SOLVER.WARMUP_ITERS", "2", "SOLVER.MAX_EPOCH", "1", "SOLVER.AMP.ENABLED", "False"),
    *ONE_BRANCH,
)


@pytest.fixture
def datasets(tmp_path):
    make_duke(tmp_path / "datasets", Shape(train_identities=4, test_identities=3, cameras=3, images=3))
    return tmp_path / "datasets"


def train(datasets, folder):
    return train_net(
        *(*OPTIONS, "OUTPUT_DIR", folder),
        PYTHONPATH=STUBS,
        FASTREID_DATASETS=str(datasets),
        OMP_NUM_THREADS="1",
    )


def test_a_run_that_ends_well_is_told_so(datasets, tmp_path):
    result = train(datasets, tmp_path / "run")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "error" not in result.stderr.lower(), result.stderr
    (scores,) = read_results(tmp_path / "run")[0].values()
    assert 0 < scores["mAP"] <= 100
    log = (tmp_path / "run/log.txt").read_text()
    assert "GPUs: stub, stub" in log
    assert "running on the CPU" not in log


def test_an_image_that_cannot_be_read_ends_the_run_with_its_name(datasets, tmp_path):
    broken = sorted((datasets / "DukeMTMC-reID/bounding_box_train").glob("*.jpg"))[3]
    broken.write_bytes(b"no image")
    result = train(datasets, tmp_path / "run")
    assert result.returncode == 1
    assert broken.name in result.stderr
