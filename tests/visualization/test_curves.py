"""Curves: their numbers beside plain loops, and the files that are written."""

import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from mdpr.cli.main import main
from mdpr.evaluation import RankingOptions, SavedRankings, rank_features, save_rankings
from mdpr.evaluation.saved_files.features import SavedFeatures, save_features
from mdpr.visualization import plots
from mdpr.visualization.curve_data import BINS, camera_pair_map, embedding_map, error_rates, pair_counts
from PIL import Image
from support.retrieval_by_loops import (
    cosine_distances,
    is_junk,
    is_match,
    make_labels,
    random_problem,
    rank_by_loops,
)

LINES = [
    {"iteration": 19, "total_loss": 9.0, "loss_group/hard": 6.0, "loss_group/distillation": -0.5, "lr": 1e-3},
    {"iteration": 20, "mAP": 50.0},
    {"iteration": 39, "total_loss": 5.0, "loss_group/hard": 4.0, "loss_group/distillation": -0.7, "lr": 1e-4},
]


@pytest.fixture(scope="module")
def problem():
    query, gallery, labels = random_problem(5)
    saved = SavedFeatures(
        np.concatenate([query, gallery]),
        np.concatenate([labels.query_person, labels.gallery_person]),
        np.concatenate([labels.query_camera, labels.gallery_camera]),
        np.arange(100) < 20,
    )
    result = rank_features(query, gallery, labels, options=RankingOptions(top_k=5))
    rankings = SavedRankings.of(result, labels)
    distances = cosine_distances(query, gallery)
    return SimpleNamespace(saved=saved, labels=labels, rankings=rankings, distances=distances)


@pytest.fixture
def axes():
    return Figure().subplots()


def pairs_by_loops(problem):
    different, same = [], []
    for query in range(20):
        for column in range(80):
            if not is_junk(problem.labels, query, column):
                pairs = same if is_match(problem.labels, query, column) else different
                pairs.append(1 - problem.distances[query, column])
    return np.array(different), np.array(same)


def test_pairs_are_counted_as_plain_loops_do(problem):
    for counts, values in zip(pair_counts(problem.saved), pairs_by_loops(problem), strict=True):
        assert counts.sum() == len(values)
        # A similarity at an edge may fall on either side by rounding.
        expected = np.histogram(values, BINS, (-1, 1))[0]
        assert np.abs(np.cumsum(counts) - np.cumsum(expected)).max() <= 1
        assert np.count_nonzero(counts - expected) <= 4


def test_error_rates_are_shares_at_or_above_a_threshold(problem):
    different, same = pairs_by_loops(problem)
    false, true = error_rates(problem.saved)
    assert (false[0], true[0], false[-1], true[-1]) == (0, 0, 1, 1)
    for place in (500, 1000, 1300):
        threshold = 1 - 2 * place / BINS
        assert false[place] == pytest.approx(np.mean(different >= threshold), abs=2 / len(different))
        assert true[place] == pytest.approx(np.mean(same >= threshold), abs=2 / len(same))


def test_camera_pairs_are_scored_as_if_there_were_no_other(problem):
    cameras, table = camera_pair_map(problem.saved)
    labels = problem.labels
    for row, of_query in enumerate(cameras):
        for column, of_gallery in enumerate(cameras):
            query, gallery = labels.query_camera == of_query, labels.gallery_camera == of_gallery
            alone = make_labels(
                labels.query_person[query],
                labels.query_camera[query],
                labels.gallery_person[gallery],
                labels.gallery_camera[gallery],
            )
            precisions = rank_by_loops(problem.distances[np.ix_(query, gallery)], alone)[1]
            counted = [value for value in precisions if not np.isnan(value)]
            assert (len(counted) == 0) == (row == column)
            np.testing.assert_allclose(table[row, column], np.mean(counted) if counted else np.nan)


def test_cmc_and_average_precision_are_those_of_plain_loops(problem, axes):
    cmc, precisions, _, _ = rank_by_loops(problem.distances, problem.labels)
    plots.draw_cmc(axes, "mine", problem.rankings)
    np.testing.assert_allclose(axes.lines[0].get_ydata(), 100 * np.asarray(cmc))
    axes = Figure().subplots()
    plots.draw_average_precision(axes, "mine", problem.rankings)
    heights = axes.patches[0].get_xy()[:, 1]
    for bin_ in range(20):
        inside = [value for value in precisions if min(19, int(20 * value)) == bin_]
        assert heights[1 + 2 * bin_] == pytest.approx(5 * len(inside))


def test_embedding_map_keeps_most_of_the_variance(problem):
    places, axes = embedding_map(problem.saved, "pca")
    unit = problem.saved.features / np.linalg.norm(problem.saved.features, axis=1, keepdims=True)
    values = np.linalg.svd(unit - unit.mean(axis=0), compute_uv=False)
    np.testing.assert_allclose(np.linalg.norm(places, axis=0), values[:2], rtol=1e-4)
    assert axes[0] == f"component 1 ({100 * values[0] ** 2 / np.sum(values**2):.0f} % of variance)"


def test_scalars_are_those_of_the_run(axes):
    plots.draw_losses(axes, "run", LINES)
    drawn = {line.get_label(): line.get_xydata().tolist() for line in axes.lines}
    assert drawn == {
        "hard": [[19, 6], [39, 4]],
        "distillation": [[19, -0.5], [39, -0.7]],
        "total loss": [[19, 9], [39, 5]],
    }


def test_a_run_gives_every_picture(problem, tmp_path, capsys, monkeypatch):
    run, names = tmp_path / "run", []
    run.mkdir()
    monkeypatch.setattr(Axes, "legend", lambda axes, **_: names.extend(axes.get_legend_handles_labels()[1]))
    (run / "metrics.json").write_text("".join(json.dumps(line) + "\n" for line in LINES))
    save_rankings(run / "Set_rankings.npz", problem.rankings)
    save_features(run / "Set_features.npz", problem.saved)
    assert main(["curves", str(run), "--out", str(tmp_path / "out")]) == 0
    pictures = [
        tmp_path / "out" / f"{name}.png"
        for name in (
            "cmc",
            "average_precision",
            "roc",
            "det",
            "similarities",
            "camera_pairs",
            "embedding_map",
            "losses",
            "learning_rate",
        )
    ]
    assert capsys.readouterr().out.splitlines() == list(map(str, pictures))
    assert {"Set", "run"} <= set(names)
    assert not any("/" in name for name in names)
    for picture in pictures:
        with Image.open(picture) as image:
            assert min(image.size) > 400


@pytest.mark.parametrize(("missing", "extra"), [("matplotlib", "pictures"), ("umap", "umap")])
def test_what_is_not_installed_is_one_line(tmp_path, monkeypatch, capsys, missing, extra):
    monkeypatch.setitem(sys.modules, missing, None)
    assert main(["curves", "any.npz", "--out", str(tmp_path / "out"), "--embedding", "umap"]) == 1
    printed = capsys.readouterr().err
    assert printed.startswith(f"error: {missing} cannot be imported")
    assert printed.endswith(f"pip install 'mdpr[{extra}]'\n")
    assert not (tmp_path / "out").exists()


def test_a_source_with_nothing_to_draw_is_one_line(tmp_path, capsys):
    assert main(["curves", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err.startswith(f"error: {tmp_path} holds none of metrics.json, ")
    (tmp_path / "metrics.json").write_text('{"iteration": 3}\n')
    assert main(["curves", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert "holds no line with a loss" in capsys.readouterr().err
