"""The page of runs: what it says, what it says of what is not there, its size, and that it is safe."""

import base64
import io
import json
import re
from html import unescape
from html.parser import HTMLParser

import numpy as np
import pytest
from mdpr.cli.main import main
from mdpr.engine.network import build_network
from mdpr.evaluation.paired import paired_difference
from mdpr.visualization.report import page as report_page
from mdpr.visualization.report import sections
from mdpr.visualization.report.browser import browser_data
from mdpr.visualization.report.comparison import comparisons, ranked_sets
from mdpr.visualization.report.run_folder import read_run
from mdpr.visualization.report.settings import base_settings, differences
from mdpr.visualization.report.thumbnails import FORMS, make_thumbnails
from PIL import Image
from support.configs import tiny_config
from support.miniatures import make_market
from support.report_runs import NAME, SCRIPT, draw_images, many_images, ranked, save_weights, write_run


@pytest.fixture(scope="module")
def folder(make_folder):
    return make_folder("report")


@pytest.fixture(scope="module")
def paths(folder):
    return draw_images(folder / "images")


@pytest.fixture(scope="module")
def first(folder, paths):
    """A run with rankings, its data set and its weights."""
    make_market(folder / "datasets")
    run = write_run(folder / "first", {"Set": ranked(paths)})
    save_weights(run, build_network(tiny_config()))
    return run


@pytest.fixture(scope="module")
def runs(folder, paths):
    """Two runs without weights, the second of other rankings."""
    (folder / "two").mkdir()
    one = write_run(folder / "two/first", {"Set": ranked(paths)})
    rankings = {
        "Set": ranked(paths, dimension=6),
        "Set+rerank": ranked(paths, dimension=4, measure="re-ranked cosine"),
    }
    other = write_run(folder / "two/second", rankings, "SOLVER.BASE_LR", 0.5)
    return {"first": read_run(one), "second": read_run(other)}


@pytest.fixture(scope="module")
def html(folder, first):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FASTREID_DATASETS", str(folder / "datasets"))
        assert main(["report", str(first)]) == 0
    return (first / "report.html").read_text()


@pytest.fixture
def plain(folder, monkeypatch):
    """Neither curves nor a data set, which take time: what is tested is beside them."""
    monkeypatch.setenv("FASTREID_DATASETS", str(folder / "nowhere"))
    monkeypatch.setattr(sections, "draw_curves", lambda _: [])
    monkeypatch.setattr(sections, "changes", lambda _: sections.Picture("Changes", "data:,"))


def data_of(html):
    return json.loads(re.search(r'<script id="data" type="application/json">(.*?)</script>', html)[1])


def section(html, name):
    return unescape(re.search(rf'<section id="{name}".*?</section>', html, re.DOTALL)[0])


def test_summary_and_environment_are_those_of_the_files(html):
    summary, environment = section(html, "summary"), section(html, "environment")
    for text in ("61.25", "72.50", "30.12", "0:19:35", "6.6 images/s", ">cpu<"):
        assert text in summary
    for text in ("Python 3.11.7, torch 2.14.1", "my.yml on configs/Base-MDPR.yml", SCRIPT):
        assert text in environment


def test_config_is_held_against_its_base(html):
    config = section(html, "config")
    assert "configs/Base-MDPR.yml on the defaults of fast-reid and MDPR" in config
    _, base = base_settings()
    mine = {**base, "SOLVER.BASE_LR": 0.5, "MY.KEY": ""}
    other = {**base, "SEED": 7, "SOLVER.BASE_LR": 0.5}
    found = {one.key: (one.values, one.between_runs) for one in differences(base, [mine, other])}
    assert found == {
        "MY.KEY": (("''", "-"), True),
        "SEED": ((str(base["SEED"]), "7"), True),
        "SOLVER.BASE_LR": (("0.5", "0.5"), False),
    }
    assert list(found)[-1] == "SOLVER.BASE_LR"
    assert differences(base, [base]) == []


def test_every_query_is_in_the_page_with_its_picture(html, paths):
    data, rankings = data_of(html), ranked(paths)
    (only,) = data["sets"]
    assert [query[0] for query in only["queries"]] == list(range(20))
    for index, person, camera, name, number, (found,) in only["queries"]:
        assert (person, camera) == (rankings.query_person[index], rankings.query_camera[index])
        assert name == NAME.format(index)
        images = found[4]
        assert [only["gallery"][image[0]][2] for image in images[:10]] == [
            NAME.format(20 + image) for image in rankings.ranked[index, :10]
        ]
        assert [image[1] for image in images if image[2]] == [
            place + 1 for place in np.flatnonzero(rankings.is_match[index])
        ]
        if index:  # the image of query 0 is missing
            with Image.open(io.BytesIO(base64.b64decode(data["start"] + data["rest"][number]))) as image:
                colour = np.array(image)[40, 20]
            np.testing.assert_allclose(colour, (2 * (index - 1), 120, 30), atol=6)
    assert data["rest"][only["queries"][0][4]] == ""


def test_page_is_safe_and_asks_no_network(html):
    assert html.count("<script") == 2
    assert SCRIPT not in html
    assert "<img src=x" not in html
    assert not re.search(r"https?://|url\(", html)
    parser = HTMLParser()
    parser.handle_starttag = lambda _, attributes: names.update(name for name, _ in attributes)
    names = set()
    parser.feed(html)
    assert [name for name in names if name == "style" or name.startswith("on")] == []
    policy = unescape(re.search(r'Content-Security-Policy" content="([^"]+)"', html)[1])
    assert re.fullmatch(
        r"default-src 'none'; img-src data:; style-src 'sha256-\S+'; script-src 'sha256-\S+'; "
        r"base-uri 'none'; form-action 'none'",
        policy,
    )
    images = re.findall(r"<img [^>]+>", html)
    assert len(images) > 50
    assert all(re.search(r'alt="[^"]+"', image) and 'src="data:image/' in image for image in images)


def test_attention_and_the_data_check_are_there(html):
    attention, data = section(html, "attention"), section(html, "data")
    assert "attention and background of stages 4 and 3" in attention
    assert "data:image/png;base64," in attention
    assert ">1 warning<" in data  # it is a miniature
    assert ">64<" in data


def test_a_page_that_is_there_stays(first, html, capsys):
    before = (first / "report.html").stat().st_mtime_ns
    assert main(["report", str(first)]) == 1
    assert "report.html exists: choose another name, or replace it with --force" in capsys.readouterr().err
    assert main(["report", str(first), "--out", str(first / "page.txt")]) == 1
    assert "expected a name that ends in .html" in capsys.readouterr().err
    assert (first / "report.html").stat().st_mtime_ns == before


def test_what_is_not_there_is_said(plain, folder, monkeypatch):
    bare = write_run(folder / "bare", {})
    (bare / "results.json").unlink()
    html = report_page.render_report({"bare": read_run(bare)})
    assert "no results.json yet" in section(html, "summary")
    assert f"--config-file {bare}/config.yaml --eval-only TEST.MDPR.SAVE_RANKINGS True" in section(
        html, "chosen"
    )
    assert "has no checkpoint" in section(html, "attention")
    assert f"there is no folder {folder}/nowhere of data sets here" in section(html, "data")
    assert 'id="data" type=' not in html
    monkeypatch.setenv("FASTREID_DATASETS", str(folder))
    other = write_run(folder / "other", {}, "MODEL.META_ARCHITECTURE", "Baseline")
    html = report_page.render_report({"other": read_run(other)})
    assert "MODEL.META_ARCHITECTURE is Baseline, and attention is MDPR's" in section(html, "attention")
    assert "Market1501 is not checked: Market1501: there is no" in section(html, "data")


def test_what_is_no_run_is_one_line(tmp_path, capsys):
    assert main(["report", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith(f"error: {tmp_path} is not the folder of a run")


def test_runs_are_compared_query_by_query(runs, paths, plain):
    (ranked_set,), notices = ranked_sets(runs)
    assert notices == []
    assert list(ranked_set.rankings) == ["first", "second", "second + rerank"]
    one, two = comparisons(ranked_set)
    assert (one.second, two.second) == ("second", "second + rerank")
    before, after = ranked(paths), ranked(paths, dimension=6)
    expected = 100 * np.nanmean(after.average_precision - before.average_precision)
    assert one.metrics["mAP"].mean == pytest.approx(expected)
    hits = [100.0 * (each.first_match_rank == 0) for each in (before, after)]
    assert one.metrics["Rank-1"] == paired_difference(*hits, before.query_person)
    html = report_page.render_report(runs)
    comparison = section(html, "comparison")
    assert f"{expected:+.2f}" in comparison
    assert "<h3>Largest gains</h3>" in section(html, "chosen")
    assert 'class="differs"><td>SOLVER.BASE_LR</td>' in section(html, "config")
    assert [one["name"] for one in data_of(html)["sets"][0]["rankings"]] == list(ranked_set.rankings)


def test_runs_of_other_queries_are_told_apart(plain, runs, folder):
    other = write_run(folder / "others", {"Set": ranked(seed=4)})
    runs = {"first": runs["first"], "others": read_run(other)}
    comparison = section(report_page.render_report(runs), "comparison")
    assert "Set: the persons of the queries of others are not those of first" in comparison
    assert "No queries are compared" in comparison


def test_pictures_become_smaller_and_then_fewer_until_they_fit():
    images = {str(number): image for number, image in enumerate(many_images(60))}
    whole = make_thumbnails(list(images), images.get, 10**9)
    assert (whole.size, len(whole.rest)) == (FORMS[0][0], 60)
    sizes = []
    for share in (0.7, 0.4, 0.05):
        budget = int(share * sum(map(len, whole.rest)))
        fewer = make_thumbnails(list(images), images.get, budget)
        assert sum(map(len, fewer.rest)) <= 1.05 * budget
        assert (len(fewer.rest) == 60) == (share > 0.1)
        sizes.append(fewer.size)
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == FORMS[-1][0] < whole.size
    assert make_thumbnails(["a", "b"], lambda _: None, 100).rest == ("", "")
    assert make_thumbnails([], images.get, 100).rest == ()


def test_page_of_many_queries_stays_below_its_size(plain, runs, monkeypatch):
    html = report_page.render_report({"first": runs["first"]})
    small = sum(map(len, data_of(html)["rest"]))
    monkeypatch.setattr(report_page, "MOST_BYTES", len(html.encode()) - small // 2)
    assert len(report_page.render_report({"first": runs["first"]}).encode()) <= report_page.MOST_BYTES


def test_queries_with_the_lowest_precision_get_their_pictures_first(paths):
    rankings, numbers = ranked(paths), {}
    run = type("Run", (), {"rankings": {"Set": rankings}})()
    browser_data(ranked_sets({"run": run})[0], numbers)
    worst = int(np.nanargmin(rankings.average_precision))
    assert next(iter(numbers)) == paths[worst]
