"""The demo, on a few images: it ends with scores, a model, a page, comparisons, and is shown again."""

import json

import demo
import pytest
from mdpr.inference.model_file import read_model_file
from support.miniatures import Shape, make_market

OPTIONS = (
    *("DATASETS.NAMES", "('Market1501',)", "DATASETS.TESTS", "('Market1501',)"),
    *("INPUT.SIZE_TRAIN", "[64,32]", "INPUT.SIZE_TEST", "[64,32]", "MODEL.MDPR.EMBEDDING_DIM", "16"),
    *("SOLVER.IMS_PER_BATCH", "8", "SOLVER.MAX_EPOCH", "3", "DATALOADER.NUM_WORKERS", "0"),
)


@pytest.fixture(scope="module")
def run(make_folder):
    """The folder of a demo, what it takes to start it again, and what it printed."""
    root, folder = make_folder("datasets"), make_folder("logs") / "demo"
    # Calibration wants 20 persons.
    make_market(root, Shape(train_identities=8, test_identities=20, images=2))
    arguments = ["--output", str(folder), *OPTIONS]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FASTREID_DATASETS", str(root))
        assert demo.main(arguments) == 0
        yield folder, arguments


def test_what_it_leaves(run):
    folder, _ = run
    assert [name for name in demo.FILES.values() if not (folder / name).exists()] == []
    assert json.loads((folder / "results.json").read_text()).keys() >= {"Market1501", "Market1501+rerank"}
    assert read_model_file(folder / "model.safetensors").metadata["calibration"] is not None


def test_it_says_how_long_it_takes_after_the_first_steps(run):
    folder, _ = run
    lines = (folder / "log.txt").read_text().splitlines()
    found = [number for number, line in enumerate(lines) if "A step takes" in line]
    assert len(found) == 1
    assert found[0] < next(number for number, line in enumerate(lines) if "Evaluating on" in line)


def test_a_second_call_trains_nothing_and_shows_everything(run, capsys):
    folder, arguments = run
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert demo.main(arguments) == 0
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    shown = capsys.readouterr().out
    assert shown.count("similarity") == 2
    assert "Market1501+rerank" in shown
    assert str(folder / "report.html") in shown
