"""The project of docs/extending.md, copied from the page into a folder, trains and has a row in a study."""

import json
import os
import re
import subprocess
import sys

import pytest
import yaml
from mdpr.cli.main import main
from support.configs import CONFIGS, ROOT
from support.miniatures import Sample, save
from support.processes import PACKAGE

TEXT = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", TEXT, re.DOTALL))
OPTIONS = (
    *("MODEL.BACKBONE.DEPTH", "18x", "MODEL.BACKBONE.FEAT_DIM", "512", "MODEL.DEVICE", "cpu"),
    *("MODEL.BACKBONE.PRETRAIN", "False", "MODEL.MDPR.EMBEDDING_DIM", "16"),
    *("INPUT.SIZE_TRAIN", "[64,32]", "INPUT.SIZE_TEST", "[64,32]"),
    *("SOLVER.IMS_PER_BATCH", "8", "SOLVER.MAX_EPOCH", "1", "SOLVER.LOG_PERIOD", "1"),
    *("DATALOADER.NUM_WORKERS", "0", "DATALOADER.NUM_INSTANCE", "4"),
)


def options_of_the_page():
    """What the page says to put on the command line."""
    blocks = re.findall(r"```\n((?:MODEL|DATASETS|SOLVER)\..*?)```", TEXT, re.DOTALL)
    return [word.strip('"') for block in blocks for word in re.findall(r'"[^"]*"|\S+', block)]


@pytest.fixture(scope="module")
def project(make_folder):
    """The files of the page, and people to train on."""
    folder = make_folder("my_project")
    for name, content in FILES.items():
        (folder / name).write_text(content.replace("/path/to/configs", str(CONFIGS)))
    study = yaml.safe_load((folder / "study.yml").read_text())
    (folder / "study.yml").write_text(yaml.safe_dump(study | {"options": list(OPTIONS), "seeds": [0]}))
    for person in range(1, 9):
        for camera in (1, 2):
            for image in range(4):
                split = "gallery" if person % 4 == 0 else "train"
                path = folder / f"data/people/{person:04d}/c{camera}_{image:04d}.jpg"
                save(path, Sample(split, person, camera, image))
    return folder


def run(project, *options):
    return subprocess.run(
        [sys.executable, "train.py", "--config-file", str(CONFIGS / "Base-MDPR.yml"), *options],
        cwd=project,
        env={
            **os.environ,
            "PYTHONPATH": str(PACKAGE),
            "FASTREID_DATASETS": str(project / "data"),
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_each_file_is_short():
    code = {"train.py", "losses.py", "distillation.py", "dataset.py", "logger.py"}
    assert set(FILES) == code | {"people.yml", "study.yml"}
    assert all(content.count("\n") < 60 for content in FILES.values())


def test_it_trains_with_its_own_losses_distillation_and_data(project):
    result = run(project, *OPTIONS, *options_of_the_page(), "OUTPUT_DIR", "run")
    assert result.returncode == 0, result.stdout + result.stderr
    last = [json.loads(line) for line in (project / "run/metrics.json").read_text().splitlines()]
    names = {name for line in last for name in line}
    assert {"loss_PartsDiffer", "loss_fusion_length", "loss_mutual_distillation"} <= names
    assert "People" in json.loads((project / "run/results.json").read_text())
    (csv,) = (project / "run").glob("losses_*.csv")
    *losses, end = csv.read_text().splitlines()
    assert losses == [f"{line['iteration']},{line['total_loss']}" for line in last]
    assert end.startswith("done,{'People'")


def test_its_keys_are_checked_as_ours_are(project):
    options = [*OPTIONS, *options_of_the_page(), "OUTPUT_DIR", "wrong"]
    for extra, message in (
        (("DATASETS.PEOPLE.TEST_EVERY", "1"), "DATASETS.PEOPLE.TEST_EVERY is 1: expected a whole"),
        (("MODEL.MDPR.DISTILLATION_NAME", "MeanTeachr"), "did you mean 'MeanTeacher'?"),
    ):
        result = run(project, *options, *extra)
        assert result.returncode == 1, result.stdout + result.stderr
        assert message in result.stderr
        assert "Traceback" not in result.stderr
        assert not (project / "wrong").exists()


def test_its_loss_has_a_row_in_a_study(project, monkeypatch, capsys):
    monkeypatch.chdir(project)
    monkeypatch.setenv("FASTREID_DATASETS", str(project / "data"))
    assert main(["study", "run", "study.yml", "--rows", "length"]) == 0
    metrics = (project / "logs/people/length/seed0/metrics.json").read_text()
    assert '"loss_fusion_length"' in metrics
    capsys.readouterr()
    assert main(["study", "show", "study.yml"]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"^\| length +\| 1 +\|", shown, re.MULTILINE), shown
