import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from mdpr.evaluation import (
    RankingOptions,
    RerankedDistances,
    RerankOptions,
    RetrievalFeatures,
    SavedFeatures,
    load_features,
    rank,
    rank_features,
    save_features,
    score_saved_features,
)
from support.retrieval_by_loops import random_problem

SCRIPT = Path(__file__).parents[3] / "scripts" / "evaluate_features.py"


def arrays():
    """Queries and gallery images mixed."""
    query, gallery, labels = random_problem(0)
    order = np.random.default_rng(0).permutation(len(query) + len(gallery))
    return {
        "features": np.concatenate([query, gallery])[order],
        "person": np.concatenate([labels.query_person, labels.gallery_person])[order],
        "camera": np.concatenate([labels.query_camera, labels.gallery_camera])[order],
        "is_query": order < len(query),
    }


def write(file, **changes):
    contents = {name: array for name, array in (arrays() | changes).items() if array is not None}
    np.savez(file, **contents)
    return file


def test_what_is_saved_is_loaded(tmp_path):
    save_features(tmp_path / "set.npz", SavedFeatures(**arrays()))
    loaded = load_features(tmp_path / "set.npz")
    for name, array in arrays().items():
        np.testing.assert_array_equal(getattr(loaded, name), array)
    assert [file.name for file in tmp_path.iterdir()] == ["set.npz"]


def test_a_failed_write_keeps_the_file_before(tmp_path, monkeypatch):
    save_features(tmp_path / "set.npz", SavedFeatures(**arrays()))
    before = (tmp_path / "set.npz").read_bytes()

    def fail(stream, **_):
        stream.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(OSError, match="disk full"):
        save_features(tmp_path / "set.npz", SavedFeatures(**arrays()))
    assert (tmp_path / "set.npz").read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["set.npz"]


def test_scores():
    saved = SavedFeatures(**arrays())
    query, gallery, labels = saved.query_features, saved.gallery_features, saved.labels
    plain = rank_features(query, gallery, labels, metric="euclidean")
    assert score_saved_features(saved, metric="euclidean") == plain.percentages()
    reranked = rank(RerankedDistances(RetrievalFeatures.from_features(query, gallery)), labels)
    assert score_saved_features(saved, rerank=RerankOptions()) == reranked.percentages()
    # Queries and gallery images may come in any order.
    *_, original_labels = random_problem(0)
    assert sorted(labels.query_person) == sorted(original_labels.query_person)


def wrong_features(row=None, value=np.nan, dtype=np.float32):
    features = arrays()["features"].astype(dtype)
    if row is not None:
        features[row] = value
    return features


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"camera": None}, ValueError, r"no array 'camera'; the file has 'features', 'person', "),
        ({"camera": None, "person": None}, ValueError, r"no array 'person', 'camera'"),
        (
            {"features": wrong_features(dtype=np.float64)},
            TypeError,
            r"array 'features': dtype float32 is needed, got float64",
        ),
        (
            {"person": arrays()["person"].astype(np.int32)},
            TypeError,
            r"array 'person': dtype int64 is needed, got int32",
        ),
        (
            {"is_query": arrays()["is_query"].astype(np.int64)},
            TypeError,
            r"array 'is_query': dtype bool is needed, got int64",
        ),
        (
            {"features": wrong_features()[:, :, None]},
            ValueError,
            r"array 'features': shape \(N, D\) is needed, got \(100, 16, 1\)",
        ),
        (
            {"features": np.float32(0)},
            ValueError,
            r"array 'features': shape \(N, D\) is needed, got \(\)",
        ),
        (
            {"camera": arrays()["camera"][:, None]},
            ValueError,
            r"array 'camera': shape \(N,\) is needed, got \(100, 1\)",
        ),
        (
            {"camera": arrays()["camera"][:-1]},
            ValueError,
            r"array 'camera': 99 entries for 100 rows of 'features'",
        ),
        (
            {"features": wrong_features(row=[3, 9])},
            ValueError,
            r"array 'features': 2 of 100 rows hold NaN or infinity \(rows 3, 9\)",
        ),
        (
            {"is_query": np.zeros(100, dtype=bool)},
            ValueError,
            r"array 'is_query': none of the 100 images is a query image",
        ),
        (
            {"is_query": np.ones(100, dtype=bool)},
            ValueError,
            r"array 'is_query': none of the 100 images is a gallery image",
        ),
        (
            {"person": np.array([None] * 100)},
            ValueError,
            r"array 'person': cannot be read \(Object arrays cannot be loaded",
        ),
    ],
)
def test_wrong_arrays(tmp_path, changes, error, message):
    file = write(tmp_path / "set.npz", **changes)
    with pytest.raises(error, match=rf"set\.npz: {message}"):
        load_features(file)


def test_wrong_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.npz: no such file"):
        load_features(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("not an archive")
    with pytest.raises(ValueError, match=r"text\.npz: not a readable \.npz file"):
        load_features(tmp_path / "text.npz")
    whole = write(tmp_path / "whole.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"cut\.npz: not a readable \.npz file"):
        load_features(tmp_path / "cut.npz")
    np.save(tmp_path / "bare.npy", np.zeros(3))
    with pytest.raises(ValueError, match=r"bare\.npy: one bare array"):
        load_features(tmp_path / "bare.npy")


@pytest.fixture(scope="module")
def script():
    """The script's main function."""
    return runpy.run_path(str(SCRIPT))["main"]


def test_script(tmp_path, script, capsys):
    file = write(tmp_path / "set.npz")
    assert script([str(file), "--rerank", "--json", str(tmp_path / "scores.json")]) == 0
    expected = score_saved_features(load_features(file), rerank=RerankOptions())
    assert json.loads((tmp_path / "scores.json").read_text()) == expected
    assert f"mAP     {expected['mAP']:7.2f} %" in capsys.readouterr().out


def test_a_file_of_scores_that_cannot_be_written(tmp_path, script, capsys):
    file = write(tmp_path / "set.npz")
    assert script([str(file), "--json", str(file / "scores.json")]) == 1
    assert capsys.readouterr().err.startswith("error: ")


def test_options_of_the_script(tmp_path, script, capsys):
    file, out = write(tmp_path / "set.npz"), tmp_path / "scores.json"
    options = ["--k1", "7", "--k2", "3", "--lambda", "0.5", "--metric", "euclidean"]
    assert script([str(file), "--rerank", *options, "--json", str(out)]) == 0
    expected = score_saved_features(load_features(file), metric="euclidean", rerank=RerankOptions(7, 3, 0.5))
    assert json.loads(out.read_text()) == expected
    assert script([str(file), "--protocol", "cuhk03", "--json", str(out)]) == 0
    expected = score_saved_features(load_features(file), options=RankingOptions("cuhk03"))
    assert json.loads(out.read_text()) == expected
    assert script([str(file), "--rerank", "--k1", "0"]) == 1
    assert "k1 must be at least 1, got 0" in capsys.readouterr().err


def test_script_on_a_wrong_file(tmp_path, script, capsys):
    assert script([str(write(tmp_path / "set.npz", camera=None))]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"error: {tmp_path}")
    assert "no array 'camera'" in printed.err
