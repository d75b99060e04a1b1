"""The evaluation's benchmark runs whole, and its tables show what was measured."""

import json

import pytest
from benchmarks.evaluation import main
from benchmarks.evaluation_tables import PAGE, stages


def rows_of(text):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]


def test_quick_run(tmp_path, capsys):
    page = tmp_path / "evaluation.md"
    page.write_text("before\n<!-- benchmark: begin -->\nold\n<!-- benchmark: end -->\nafter\n")
    assert main(["--quick", "--dimensions", "16", "--docs", str(tmp_path)]) == 0
    results = json.loads((tmp_path / "evaluation_benchmark.json").read_text())
    measured = [row["stage"] for row in results["measurements"] if row["problem"] == "quick"]
    assert measured == [
        "rank",
        "re-rank: encode",
        "re-rank: distances",
        "re-rank: distances and rank",
        "fast-reid: distances",
        "fast-reid: rank",
        "fast-reid: re-rank",
    ]
    ours, theirs = stages(results, "quick", 16, "rank", "fast-reid: rank")
    assert 5 < ours["value"] < 95
    assert ours["value"] == pytest.approx(theirs["value"], abs=1e-3)
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    for part in ("processor: ", "| quick ", " 4,000 |", "a trial run", "(evaluation_growth.png)"):
        assert part in text
    assert (tmp_path / "evaluation_growth.png").read_bytes().startswith(b"\x89PNG")
    # The same page from the figures alone.
    page.write_text("before\n<!-- benchmark: begin --><!-- benchmark: end -->\nafter\n")
    figures = str(tmp_path / "evaluation_benchmark.json")
    assert main(["--from-json", figures, "--docs", str(tmp_path)]) == 0
    assert page.read_text() == text
    capsys.readouterr()


def test_figures_in_the_tables():
    def measured(stage, seconds, peak, value=None):
        return {
            **{"problem": "Market-1501", "dimension": 512, "stage": stage, "seconds": seconds},
            **{"peak_megabytes": peak, "process_megabytes": 1000.0 + peak, "value": value},
        }

    measurements = [
        measured("rank", 1.5, 200.0, 61.0),
        measured("re-rank: encode", 2.0, 300.0),
        measured("re-rank: distances", 0.5, 100.0),
        measured("re-rank: distances and rank", 0.75, 150.0, 82.0),
        measured("fast-reid: distances", 0.5, 400.0),
        measured("fast-reid: rank", 44.5, 10.0, 61.0),
        measured("fast-reid: re-rank", 19.5, 4000.0),
    ]
    text = PAGE.markdown({"machine": {"cores": "2"}, "quick": False, "measurements": measurements})
    rows = rows_of(text)
    assert ["Market-1501", "512", "rank", "1.50", "200", "45.00", "400", "30.0x"] in rows
    assert ["Market-1501", "512", "re-rank", "2.50", "300", "20.00", "4000", "8.0x"] in rows
    whole = ["1.50", "2.00", "0.75", "4.25", "1300", "61.0", "82.0"]
    assert ["Market-1501", "512", *whole] in rows
    assert PAGE.picture not in text


def test_page_without_a_place_for_the_figures(tmp_path):
    (tmp_path / "evaluation.md").write_text("nothing here")
    (tmp_path / "figures.json").write_text('{"machine": {}, "quick": true, "measurements": []}')
    with pytest.raises(SystemExit, match=r"evaluation\.md: the figures go between"):
        main(["--from-json", str(tmp_path / "figures.json"), "--docs", str(tmp_path)])
