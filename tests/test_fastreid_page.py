"""The script of docs/fastreid.md, copied from the page, trains, evaluates and resumes."""

import os
import re
import subprocess
import sys

import pytest
from support.configs import CONFIGS, ONE_BRANCH, ROOT
from support.miniatures import make_duke
from support.processes import PACKAGE

TEXT = (ROOT / "docs/fastreid.md").read_text(encoding="utf-8")
OPTIONS = (
    *("MODEL.DEVICE", "cpu", "MODEL.BACKBONE.PRETRAIN", "False", "MODEL.BACKBONE.DEPTH", "18x"),
    *("MODEL.BACKBONE.FEAT_DIM", "512", "MODEL.MDPR.EMBEDDING_DIM", "16", *ONE_BRANCH),
    *("INPUT.SIZE_TRAIN", "[64,32]", "INPUT.SIZE_TEST", "[64,32]", "SOLVER.IMS_PER_BATCH", "16"),
    *("SOLVER.MAX_EPOCH", "1", "TEST.EVAL_PERIOD", "1", "DATALOADER.NUM_WORKERS", "0", "OUTPUT_DIR", "out"),
)


@pytest.fixture(scope="module")
def folder(make_folder):
    folder = make_folder("theirs")
    ((name, content),) = re.findall(r"<!-- file: (\S+) -->\n```python\n(.*?)```", TEXT, re.DOTALL)
    assert len(content.strip().splitlines()) <= 35
    (folder / name).write_text(content)
    make_duke(folder / "datasets")
    return folder


def run(folder, *options):
    config = ("--config-file", str(CONFIGS / "Duke/mdpr_R50.yml"))
    result = subprocess.run(
        [sys.executable, "train_with_fastreid.py", *config, *options[:1], *OPTIONS, *options[1:]],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PACKAGE), "FASTREID_DATASETS": "datasets"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_trains_and_evaluates_what_it_wrote(folder):
    log = run(folder, "--resume")
    assert "training in float32 on the CPU" in log
    evaluated = run(folder, "--eval-only", "MODEL.WEIGHTS", "out/model_final.pth")
    (row,) = re.findall(r"^\| DukeMTMC .*$", evaluated, re.MULTILINE)
    assert row in log
