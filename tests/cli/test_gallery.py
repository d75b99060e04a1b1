"""``mdpr gallery`` from an empty folder to a page of pictures."""

import json
import sys
from types import ModuleType

import numpy as np
import pytest
from mdpr.cli.main import main
from PIL import Image
from support.miniatures import Sample, save


class Embedder:
    """A small picture of the picture."""

    dimension, batch_size, fingerprint, calibration = 96, 4, "small pictures", None

    @classmethod
    def from_file(cls, path):
        return cls()

    def __call__(self, images):
        pictures = [Image.open(image) if not isinstance(image, Image.Image) else image for image in images]
        small = [np.asarray(picture.resize((4, 8)), np.float32).ravel() - 128 for picture in pictures]
        return np.array(small).reshape(-1, 96)


@pytest.fixture
def run(monkeypatch, capsys):
    module = ModuleType("mdpr.inference.embedder")
    module.Embedder = Embedder
    monkeypatch.setitem(sys.modules, module.__name__, module)

    def run(*arguments):
        code = main(["gallery", *map(str, arguments)])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def test_images(run, tmp_path):
    folder, path = tmp_path / "known", tmp_path / "gallery"
    for identity in (1, 2, 3):
        for index in range(3):
            save(folder / f"{identity}_{index}.png", Sample("", identity, 1, index))
    save(tmp_path / "new.jpg", Sample("", 2, 2, 7))
    assert run("create", path, "--model", "m")[0] == 0
    code, text, _ = run("add", path, folder, "--model", "m", "--person-pattern", r"(\d)_\d\.png")
    assert code == 0 and ["images", "9"] in [line.split() for line in text.splitlines()]
    page, answers = tmp_path / "page.html", tmp_path / "answers.json"
    code, text, _ = run(
        *("query", path, tmp_path / "new.jpg", "--model", "m", "--top-k", 2, "--rerank", 5),
        *("--threshold", 0.5, "--html", page, "--json", answers),
    )
    assert code == 0
    first, second = ([cell.strip() for cell in line.split("|")] for line in text.splitlines()[2:])
    assert first[1:5] == [str(tmp_path / "new.jpg"), "2", "1", "2"] and second[3] == "2"
    (answer,) = json.loads(answers.read_text())
    assert (answer["query"], answer["person"], answer["unknown"]) == (str(tmp_path / "new.jpg"), "2", False)
    assert [match["person"] for match in answer["matches"]] == [first[4], second[4]]
    assert page.read_text().count("data:image/jpeg;base64,") == 3
    assert "unknown" in run("query", path, tmp_path / "new.jpg", "--model", "m", "--threshold", 1)[1]
    assert run("remove", path, str(folder / "1_0.png"), "--person", "2")[0] == 0
    code, text, _ = run("compact", path, "--index", "HNSW8", "--tuning", "efSearch=32")
    facts = dict(line.split(maxsplit=1) for line in text.splitlines())
    assert (code, facts["images"], facts["removed"], facts["indexed"]) == (0, "5", "0", "5")
    assert run("info", path, "--verify")[0] == 0


def test_features(run, tmp_path):
    path, file = tmp_path / "gallery", tmp_path / "f.npz"
    features = np.eye(4, 8, dtype=np.float32)
    run("create", path, "--dimension", 8, "--fingerprint", "one")
    np.savez(file, features=features, path=["a", "b", "b", "c"], person=[1, 1, 2, 2], fingerprint="one")
    assert run("add", path, file)[0] == 0
    _, text, _ = run("query", path, file, "--by", "image", "--top-k", 1)
    assert [line.split("|")[6].strip() for line in text.splitlines()[2:]] == ["a#0", "b#1", "b#2", "c#3"]
    np.savez(file, features=features, fingerprint="two")
    assert run("add", path, file)[::2] == (1, f"error: {path} has features of model one; these are of two\n")
    np.savez(file, features=features)
    assert run("add", path, file, "--fingerprint", "one")[0] == 0
    _, text, _ = run("query", path, file, "--fingerprint", "one", "--by", "image", "--threshold", 2)
    assert "| f.npz#3 | unknown  |" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["query", "no", "x.jpg"], "no is no gallery"),
        (["add", "{path}", "missing.jpg"], "images need a model: --model FILE"),
        (["add", "{path}", "missing.jpg", "--model", "m"], "missing.jpg"),
        (["add", "{path}", "{empty}", "--model", "m"], "is no image, and no folder of images"),
        (["add", "{path}", "{wrong}"], "no array 'features', only x"),
        (["add", "{path}", "{damaged}"], "zip file"),
        (["add", "{path}", "a.jpg", "--person-pattern", "("], "person pattern '('"),
    ],
)
def test_what_is_wrong_is_one_line(run, tmp_path, arguments, message):
    paths = {"path": tmp_path / "gallery", "empty": tmp_path / "empty", "wrong": tmp_path / "wrong.npz"}
    paths["damaged"] = tmp_path / "damaged.npz"
    run("create", paths["path"], "--model", "m")
    paths["empty"].mkdir()
    np.savez(paths["wrong"], x=np.ones(1))
    paths["damaged"].write_bytes(paths["wrong"].read_bytes()[:-30])
    code, _, error = run(*(each.format(**paths) for each in arguments))
    assert code == 1 and error.startswith("error: ") and error.count("\n") == 1
    assert message in error


def test_a_wrong_action_is_told(run):
    with pytest.raises(SystemExit) as end:
        run("ad")
    assert end.value.code == 2
