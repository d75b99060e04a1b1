"""Extraction into each kind of file, against a plain loop over the images."""

import json
import re
import sys

import numpy as np
import pytest
from mdpr.cli.main import main
from mdpr.data.images import read_rgb
from mdpr.engine.network import build_network
from mdpr.errors import InputError
from mdpr.evaluation import evaluate_file
from mdpr.inference.embedder import Embedder
from mdpr.inference.extraction import Row, extract, rows_of, rows_of_dataset
from PIL import Image
from support.configs import tiny_config
from support.fake_embedder import FakeEmbedder


def draw(path, seed, size=(9, 17)):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A folder of eleven images, two of them broken, and what is no image."""
    folder = tmp_path_factory.mktemp("images")
    for number in range(9):
        draw(folder / f"{'ab'[number % 2]}/{number}.png", number)
    (folder / "a/broken.JPG").write_bytes(b"no image")
    (folder / "b/empty.png").write_bytes(b"")
    (folder / "notes.txt").write_text("no image either")
    draw(folder / ".hidden.png", 0)
    return folder


def loop(names, normalize=True):
    embedder = FakeEmbedder()
    features = np.array([embedder(read_rgb(name)) for name in names])
    return features / np.linalg.norm(features, axis=1, keepdims=True) if normalize else features


@pytest.mark.parametrize("workers", [0, 2])
def test_npz_is_a_plain_loop_over_the_images(images, tmp_path, workers):
    out = tmp_path / "features.npz"
    result = extract(rows_of([images]), out, FakeEmbedder(), workers=workers)
    names = sorted(str(path) for path in images.rglob("[0-9].png"))
    assert result.written == 9
    with np.load(out, allow_pickle=False) as file:
        assert file["name"].tolist() == names
        np.testing.assert_allclose(file["features"], loop(names), rtol=1e-6)
        assert file["features"].dtype == np.float32
        assert file["fingerprint"] == FakeEmbedder().fingerprint
        assert file["normalized"]
        assert file["failed"].tolist() == [str(images / "a/broken.JPG"), str(images / "b/empty.png")]
        assert [*zip(file["failed"].tolist(), file["reason"].tolist(), strict=True)] == result.failed
        assert "0 bytes" in file["reason"][1]
        assert not {"person", "camera", "is_query", "frame", "box"} & {*file.files}
    assert [path.name for path in tmp_path.iterdir()] == ["features.npz"]


def test_npy_has_the_rest_beside_it(images, tmp_path):
    out = tmp_path / "features.npy"
    extract(rows_of([images]), out, FakeEmbedder(), normalize=False)
    beside = json.loads((tmp_path / "features.npy.json").read_text())
    np.testing.assert_allclose(np.load(out), loop(beside["name"], normalize=False), rtol=1e-6)
    assert beside["normalized"] is False
    assert len(beside["failed"]) == len(beside["reason"]) == 2


def test_parquet_has_row_groups(images, tmp_path, monkeypatch):
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra [parquet]")
    monkeypatch.setattr("mdpr.inference.extraction.journal.BLOCK_BYTES", 4 * 6 * 4)
    rows = [Row(row.path, person="x" * n, box=(0, 0, 9, 8.5)) for n, row in enumerate(rows_of([images]), 1)]
    extract(rows, tmp_path / "f.parquet", FakeEmbedder())
    extract(rows, tmp_path / "f.npz", FakeEmbedder())
    file = parquet.ParquetFile(tmp_path / "f.parquet")
    table = file.read()
    assert file.num_row_groups == 3
    with np.load(tmp_path / "f.npz") as npz:
        assert {*npz.files} - {*table.column_names} == {"failed", "reason", "fingerprint", "normalized"}
        for name in table.column_names:
            assert table[name].to_pylist() == npz[name].tolist()
        assert npz["person"].tolist() == [*range(9)]  # numbered in the order of the names
        metadata = file.schema_arrow.metadata
        assert json.loads(metadata[b"failed"]) == npz["failed"].tolist()
        assert json.loads(metadata[b"fingerprint"]) == npz["fingerprint"]


def test_csv_gives_boxes_labels_and_what_evaluation_reads(tmp_path):
    draw(tmp_path / "in/one.png", 1)
    draw(tmp_path / "in/two.png", 2)
    boxes = ["1,2,6,12", "-3,-3,4,9", ",,,", "0,0,9,17", "5,5,5,9", "40,1,50,9", "nan,0,1,1"]
    lines = [f"in/{('one', 'two')[n % 2]}.png,{n % 2},{n // 2},{box},{('query', 'gallery')[n > 1]}"
             for n, box in enumerate(boxes)]  # fmt: skip
    table = tmp_path / "list.csv"
    table.write_text("\n".join(["path,person,camera,x1,y1,x2,y2,split", *lines]))
    out = tmp_path / "features.npz"
    result = extract(rows_of([table]), out, FakeEmbedder())
    assert [reason[:6] for _, reason in result.failed] == ["box 0 ", "box 0 ", "boxes "]
    one, two = (np.asarray(read_rgb(tmp_path / f"in/{name}.png")) for name in ("one", "two"))
    embedder = FakeEmbedder()
    crops = [one[2:12, 1:6], two[0:9, 0:4], one, two]
    expected = np.array([embedder(crop) for crop in crops])
    with np.load(out) as file:
        np.testing.assert_allclose(
            file["features"], expected / np.linalg.norm(expected, axis=1, keepdims=True), rtol=1e-6
        )
        assert file["person"].tolist() == [0, 1, 0, 1]
        assert file["camera"].tolist() == [0, 0, 1, 1]
        assert file["is_query"].tolist() == [True, True, False, False]
        np.testing.assert_array_equal(file["box"][[0, 2]], [[1, 2, 6, 12], [np.nan] * 4])
    assert {*evaluate_file(out)} >= {"mAP", "Rank-1"}


def test_a_data_set_brings_its_labels():
    class Set:
        query = (("q.jpg", 3, 0),)
        gallery = (("g.jpg", 3, 1), ("h.jpg", 4, 0))

    assert rows_of_dataset(Set()) == [
        Row("q.jpg", "3", "0", "query"), Row("g.jpg", "3", "1", "gallery"), Row("h.jpg", "4", "0", "gallery")
    ]  # fmt: skip


def test_patterns_and_files_come_in_their_order(images):
    rows = rows_of([images / "b/1.png", str(images / "**/[02].png"), images / "a/0.png"])
    assert [row.path[-5:] for row in rows] == ["1.png", "0.png", "2.png", "0.png"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("missing", "is not there, and matches no file: expected .bmp, "),
        ("*.xyz", "is not there, and matches no file"),
        ("notes.txt", "is and holds nothing known"),
        ("empty", "is and holds nothing known"),
        ("video.mp4", "1 videos (.*video.mp4) and 0 files of boxes: give --boxes FILE once"),
        ("no_path.csv", "has the columns name, x1: its first line must name path"),
        ("gap.csv", "gap.csv, line 3: path is empty"),
        ("box.csv", "box.csv, line 2: the box is ['1', 'a', '', '']: expected 4 numbers or none"),
        ("latin.csv", "is no CSV file in UTF-8"),
    ],
)
def test_a_wrong_source_is_named(tmp_path, source, message):
    for name, content in {
        "notes.txt": b"",
        "video.mp4": b"",
        "no_path.csv": b"name,x1\n",
        "gap.csv": b"path,person\na.png,1\n,2\n",
        "box.csv": b"path,x1,y1,x2,y2\na.png,1,a\n",
        "latin.csv": b"path\n\xe9.png\n",
    }.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError) as error:
        rows_of([tmp_path / source])
    assert re.search(re.escape(message).replace(r"\.\*", ".*"), str(error.value))


def test_nothing_is_overwritten_and_nothing_readable_is_an_error(images, tmp_path):
    rows, out = rows_of([images]), tmp_path / "features.npz"
    out.write_text("mine")
    with pytest.raises(InputError, match="is there already: --force replaces it"):
        extract(rows, out, FakeEmbedder())
    assert out.read_text() == "mine"
    broken = [row for row in rows if row.path.endswith(("JPG", "empty.png"))]
    with pytest.raises(InputError, match=r"none of 2 images can be read, such as .*broken.JPG: its content"):
        extract(broken, out, FakeEmbedder(), force=True)
    assert out.read_text() == "mine"
    assert extract(rows, out, FakeEmbedder(), force=True).written == 9
    assert [path.name for path in tmp_path.iterdir()] == ["features.npz"]
    for path, known in (("f.pt", "expected one of .npz, .npy, .parquet"), ("f.npy", "there is no image")):
        with pytest.raises(InputError, match=known):
            extract([], tmp_path / path, FakeEmbedder())


def test_a_missing_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(InputError, match=r"pip install 'mdpr\[parquet\]'"):
        extract([Row("a.png")], tmp_path / "f.parquet", FakeEmbedder())


def test_features_are_the_embedders_to_the_bit(images, tmp_path):
    cfg = tiny_config()
    embedder = Embedder((cfg, build_network(cfg).eval()), device="cpu", batch_size=4)
    names = sorted(str(path) for path in images.rglob("[0-9].png"))
    rows = [Row(name, box=(1, 0, 8, 16.6)) for name in names]
    extract(rows, tmp_path / "boxes.npz", embedder, workers=1)
    extract(rows_of(names), tmp_path / "whole.npz", embedder)
    with np.load(tmp_path / "whole.npz") as file:
        np.testing.assert_array_equal(file["features"], embedder(names))
        assert file["fingerprint"] == embedder.fingerprint
    crops = [read_rgb(name).crop((1, 0, 8, 17)) for name in names]
    with np.load(tmp_path / "boxes.npz") as file:
        np.testing.assert_array_equal(file["features"], embedder(crops))


def test_the_command(images, tmp_path, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(Embedder, "from_file", lambda *asked_for: asked.append(asked_for) or FakeEmbedder())
    common = ("--model", "m.safetensors", "--out", str(tmp_path / "f.npz"), "--workers", "0")
    assert main(["extract", str(images), *common, "--device", "cpu"]) == 0
    assert asked == [("m.safetensors", "cpu", "fp32", 32)]
    printed = capsys.readouterr()
    assert printed.out == f"Wrote {tmp_path / 'f.npz'}: 9 features\n"
    head, *lines = printed.err.splitlines()
    assert head == "warning: 2 could not be read; the file lists them:"
    assert lines[1] == f"    {images / 'b/empty.png'}: it is empty (0 bytes)"
    for arguments, message in (([str(images)], "f.npz is there already"), ([], "PATH..., or --dataset NAME")):
        assert main(["extract", *arguments, *common]) == 1
        assert message in capsys.readouterr().err
