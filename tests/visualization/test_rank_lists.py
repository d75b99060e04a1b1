"""Rank lists: which queries, what is said of them, and a page that is safe to open."""

import base64
import hashlib
import re
from html import unescape
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
from mdpr.cli.main import main
from mdpr.errors import EvaluationError
from mdpr.evaluation import SavedRankings, load_rankings, rank_features, save_rankings
from mdpr.evaluation.ranking.ranking import RankingOptions
from mdpr.visualization import rank_lists
from mdpr.visualization.chosen_queries import choose_changes, choose_queries
from mdpr.visualization.rank_lists import distinct_names, render_rank_lists
from mdpr.visualization.ranked_rows import ranked_row
from PIL import Image
from support.retrieval_by_loops import cosine_distances, is_match, kept_order, random_problem

SAVED = 15  # images of each ranking
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def problem():
    query, gallery, labels = random_problem(3)
    return SimpleNamespace(query=query, gallery=gallery, labels=labels)


def ranked(problem, *, dimension=None, measure="cosine", paths=None):
    query, gallery = problem.query[:, :dimension], problem.gallery[:, :dimension]
    result = rank_features(query, gallery, problem.labels, options=RankingOptions(top_k=SAVED))
    return SavedRankings.of(result, problem.labels, paths, measure)


@pytest.fixture(scope="module")
def files(problem, tmp_path_factory):
    """Rankings of images with a hostile path, one of them missing; and those of a shorter feature."""
    folder = tmp_path_factory.mktemp("set") / "a<script>alert(1)<" / "script>"
    folder.mkdir(parents=True)
    paths = [str(folder / f"{index}.jpg") for index in range(100)]
    for path in paths[1:]:
        Image.new("RGB", (20, 40), (90, 120, 30)).save(path)
    root = folder.parents[1]
    long, short = root / "long_rankings.npz", root / f"{HOSTILE.replace('/', '')}_rankings.npz"
    save_rankings(long, ranked(problem, paths=paths))
    save_rankings(short, ranked(problem, dimension=4, paths=paths, measure="re-ranked cosine"))
    return SimpleNamespace(long=long, short=short, folder=folder)


class Elements(HTMLParser):
    """Tags of a page with their attributes."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def test_queries_are_in_the_order_of_their_average_precision():
    precision = np.array([0.5, np.nan, 0.1, 0.9, 0.5, 0.3, 1.0])
    worst, median, best, drawn = choose_queries(precision, 3)
    by_loop = sorted((value, index) for index, value in enumerate(precision) if index != 1)
    assert worst.queries.tolist() == [index for _, index in by_loop[:3]] == [2, 5, 0]
    assert median.queries.tolist() == [5, 0, 4]
    assert best.queries.tolist() == [6, 3, 0]
    assert len(set(drawn.queries.tolist())) == 3
    assert 1 not in drawn.queries
    assert choose_queries(precision, 3)[3].queries.tolist() == drawn.queries.tolist()
    assert all(len(group.queries) == 6 for group in choose_queries(precision, 100))


def test_gains_and_losses_are_those_of_single_queries():
    before, after = np.array([0.5, 0.2, np.nan, 0.9, 0.4]), np.array([0.6, 0.9, np.nan, 0.1, 0.4])
    gains, losses = choose_changes(before, after, 3, "a to b")
    assert gains.queries.tolist() == [1, 0]
    assert losses.queries.tolist() == [3]
    assert gains.why == "AP rises most from a to b; 2 of 4 queries gain"


def test_a_row_is_what_a_plain_loop_finds(problem):
    saved, distances = ranked(problem), cosine_distances(problem.query, problem.gallery)
    for query in range(len(problem.query)):
        order = kept_order(distances, problem.labels, query)
        matches = [rank for rank, c in enumerate(order, 1) if is_match(problem.labels, query, c)]
        row = ranked_row(saved, query, 5, lambda similarity: similarity / 2)
        assert [image.image for image in row.top] == order[:5]
        assert [image.is_match for image in row.top] == [rank in matches for rank in range(1, 6)]
        assert [image.rank for image in row.later] == [rank for rank in matches if 5 < rank <= SAVED]
        assert row.unseen == sum(rank > SAVED for rank in matches)
        assert row.top[0].similarity == pytest.approx(1 - distances[query, order[0]], abs=1e-6)
        assert row.top[0].probability == row.top[0].similarity / 2


def test_a_similarity_is_shown_only_where_the_file_says_what_its_distances_are(problem, files):
    for measure in ("", "euclidean", "re-ranked cosine"):
        found = ranked_row(ranked(problem, measure=measure), 0, 5, lambda _: 1.0).top[0]
        assert (found.similarity, found.probability) == (None, None)
    assert load_rankings(files.long).measure == "cosine"
    with np.load(files.long) as arrays:
        older = {name: arrays[name] for name in arrays.files if name != "measure"}
    np.savez(files.long.with_name("older.npz"), **older)
    assert load_rankings(files.long.with_name("older.npz")).measure == ""


def test_page_is_whole_safe_and_asks_no_network(files, tmp_path, capsys):
    assert (
        main(["rank-lists", str(files.long), str(files.short), "--out", str(tmp_path), "--count", "2"]) == 0
    )
    page = (tmp_path / "rank_lists.html").read_text()
    assert f"Rank lists: {tmp_path / 'rank_lists.html'}" in capsys.readouterr().out
    elements = Elements(page).found
    assert not {"script", "link", "iframe", "form"} & {tag for tag, _ in elements}
    assert HOSTILE.replace("/", "") in unescape(page)
    assert not any(name.startswith("on") or name == "style" for _, found in elements for name in found)
    for title in ("Largest gains", "Largest losses", "Worst", "Median", "Best", "Random"):
        assert f"<h2>{title}" in page
    images = [found for tag, found in elements if tag == "img"]
    assert len(images) > 100
    assert all(found["src"].startswith("data:image/jpeg;base64,") for found in images)
    assert all(found["alt"] and found["loading"] == "lazy" for found in images)
    assert not re.search(r"https?://|url\(", page)
    style = re.search(r"<style>(.*)</style>", page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = next(found["content"] for _, found in elements if found.get("http-equiv"))
    assert policy.startswith(f"default-src 'none'; img-src data:; style-src 'sha256-{digest}';")


def test_matches_have_a_sign_of_their_own_and_a_missing_image_a_place(problem):
    page = render_rank_lists({"mine": ranked(problem)}, count=1)
    assert page.count("✓</b>") == page.count('figure class="match"')
    assert page.count("✗</b>") == page.count('figure class="other"')
    assert "match, person" in page
    assert "another person, person" in page
    assert ">no image</div>" in page
    assert "<img" not in page


def test_probabilities_are_those_of_the_model_file(problem, files, monkeypatch, tmp_path):
    calibration = {
        **dict.fromkeys(("threshold", "false_match_rate", "achieved_false_match_rate", "level"), 0.5),
        **dict.fromkeys(("true_match_rate", "num_identities", "num_images"), 1),
        **dict.fromkeys(("num_different_pairs", "num_same_pairs"), 1),
        "false_match_interval": (0, 1),
        "true_match_interval": (0, 1),
        "knots": ((-1, 0.37), (1, 0.37)),
    }
    metadata = {"calibration": calibration}
    monkeypatch.setattr(rank_lists, "read_model_file", lambda _: SimpleNamespace(metadata=metadata))
    page = rank_lists.write_rank_lists([files.long], tmp_path / "a.html", model="m", count=1)
    assert page.read_text().count("prob 37.0%") > 40
    other = files.long.with_name("other_rankings.npz")
    save_rankings(other, load_rankings(files.long))
    page = rank_lists.write_rank_lists([files.long, other], tmp_path / "c.html", model="m", count=1)
    shown = page.read_text()  # of the second file, which may be another model's, it says nothing
    assert shown.count("prob 37.0%") == len(re.findall(r"<br>sim ", shown)) / 2
    with pytest.raises(EvaluationError, match=r"no probabilities for .*'re-ranked cosine'"):
        rank_lists.write_rank_lists([files.short], tmp_path / "b.html", model="m")
    metadata["calibration"] = None
    with pytest.raises(EvaluationError, match=r"m has no calibration: `mdpr calibrate"):
        rank_lists.write_rank_lists([files.long], tmp_path / "b.html", model="m")


def test_moved_images_are_found_by_the_end_of_their_path(files, tmp_path):
    (tmp_path / "query").mkdir()
    Image.new("RGB", (20, 40)).save(tmp_path / "query/1.jpg")
    assert rank_lists.found_file("/gone/set/query/1.jpg", tmp_path) == tmp_path / "query/1.jpg"
    here = str(files.folder / "1.jpg")
    assert str(rank_lists.found_file(here, tmp_path / "query")) == here


def test_other_images_are_refused_in_one_line(problem, files, tmp_path, capsys):
    query, gallery, labels = random_problem(4)
    other = ranked(SimpleNamespace(query=query, gallery=gallery, labels=labels))
    save_rankings(tmp_path / "other.npz", other)
    assert main(["rank-lists", str(files.long), str(tmp_path / "other.npz"), "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("error: long and other differ in 'query_person': rankings")
    assert main(["rank-lists", str(files.long), "--count", "0", "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err == "error: --count is 0: expected 1 or more\n"


def test_names_tell_files_apart():
    assert distinct_names(["a/Set_rankings.npz", "a/Set+rerank_rankings.npz"]) == ["Set", "Set+rerank"]
    assert distinct_names(["a/Set_rankings.npz", "b/Set_rankings.npz"]) == ["a/Set", "b/Set"]
