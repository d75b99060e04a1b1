"""A table's numbers, against plain computation; its three forms, and the picture."""

import csv
import io
import math
from statistics import mean, stdev

import numpy as np
import pytest
from mdpr.cli.study import main
from mdpr.errors import InputError
from mdpr.evaluation.paired import paired_difference
from mdpr.study.show import show_study
from scipy import stats
from support.studies import finish, write_study

RANDOM = np.random.default_rng(0)
SCORES = {(row, seed): RANDOM.random(12) for row in ("base", "full_2") for seed in range(3)} | {
    ("full_2", 3): RANDOM.random(12),
    ("one", 0): RANDOM.random(12),
}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    rows = {"base": {}, "full_2": {}, "one": {}, "none": {}}
    study = write_study(folder, rows, seeds=[0, 1, 2, 3], reference="base")
    finish(study, SCORES, seconds=90, at_once=2)
    return study


def test_numbers(study):
    table = csv.DictReader(io.StringIO(show_study(study, study.runs, form="csv")))
    base, full, one = table
    maps = {key: 100 * values.mean() for key, values in SCORES.items()}
    own = [maps["full_2", seed] for seed in range(4)]
    assert (full["row"], full["test"], full["n"], full["reference"]) == ("full_2", "Set", "4", "base")
    assert float(full["mAP mean"]) == pytest.approx(mean(own))
    assert float(full["mAP deviation"]) == pytest.approx(stdev(own))
    assert float(full["seconds mean"]) == pytest.approx(90)
    # Seeds that both have, seed by seed.
    paired = stats.ttest_rel(own[:3], [maps["base", seed] for seed in range(3)])
    low, high = paired.confidence_interval(0.95)
    over = "difference over seeds"
    assert float(full[f"{over} mean"]) == pytest.approx(
        mean(own[:3]) - mean(maps["base", s] for s in range(3))
    )
    assert (float(full[f"{over} low"]), float(full[f"{over} high"])) == pytest.approx((low, high))
    assert full[f"{over} n"] == "3"
    first, second = (100 * np.mean([SCORES[row, s] for s in range(3)], 0) for row in ("base", "full_2"))
    expected = paired_difference(first, second, np.arange(12) // 2)
    for part in ("mean", "low", "high", "n"):
        assert float(full[f"difference over queries {part}"]) == pytest.approx(getattr(expected, part))
    # The reference has no difference to itself, one seed no deviation.
    assert base[f"{over} mean"] == base["difference over queries mean"] == ""
    assert one["mAP deviation"] == one[f"{over} low"] == ""
    assert float(one[f"{over} mean"]) == pytest.approx(maps["one", 0] - maps["base", 0])
    assert not math.isnan(float(one["difference over queries low"]))
    assert "up to 2 shared the machine" in one["notes"]


def test_markdown(study, tmp_path, capsys):
    out = tmp_path / "table.md"
    assert main(["show", str(study.file), "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    text = out.read_text()
    head, row = (
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith(("| row", "| full_2"))
    )
    assert head == [
        *("row", "seeds", "mAP", "Rank-1", "mINP"),
        *("mAP less base, over seeds", "mAP less base, over queries", "time"),
    ]
    maps = [100 * SCORES["full_2", seed].mean() for seed in range(4)]
    assert row[:3] == ["full_2", "4", f"{mean(maps):.2f} ± {stdev(maps):.2f}"]
    assert row[5].endswith("(n 3)")
    assert row[-1] == "0:01:30"
    assert "### Set" in text
    assert "[1] Times are of runs of which up to 2 shared the machine." in text
    assert "Finished: 8 of 16 runs." in text
    assert "Missing: none seeds 0, 1, 2, 3; one seeds 1, 2, 3; base seed 3" in text


def test_latex(study):
    text = show_study(study, study.runs, form="latex")
    assert r"\begin{tabular}" in text
    assert r"full\_2" in text
    assert r"$\pm$" in text
    assert "±" not in text
    assert r"95\% intervals" in text
    assert "% Finished: 8 of 16 runs." in text


def test_nothing_is_finished(study, tmp_path):
    rest = study.pick(["none"])
    assert show_study(study, rest) == ("Finished: 0 of 4 runs.\nMissing: none seeds 0, 1, 2, 3")
    assert show_study(study, rest, form="csv") == "test"
    with pytest.raises(InputError, match="nothing to draw"):
        show_study(study, rest, picture=tmp_path / "picture.png")


def test_picture(study, tmp_path):
    picture = tmp_path / "picture.png"
    show_study(study, study.runs, picture=picture)
    assert picture.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InputError, match="is there already"):
        show_study(study, study.runs, picture=picture)
