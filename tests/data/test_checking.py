"""The check of a data set: every finding by itself, exit codes, the page."""

import re
import shutil

import pytest
from mdpr.cli.check_dataset import main
from mdpr.data.checking.check import check_dataset
from mdpr.data.checking.findings import Severity
from mdpr.data.checking.page import render_page
from mdpr.data.checking.tables import report_text
from support.datasets import load
from support.miniatures import (
    TINY,
    Sample,
    make_image_folder,
    make_market,
    make_synergy,
    save,
)
from support.processes import python

EXTRA = Sample("gallery", 99, 1, 0)
PATH = ("DATASETS.IMAGE_FOLDER.PATH", "mine")


@pytest.fixture
def mine(tmp_path):
    """The folder of a flawless ImageFolderReID."""
    return make_image_folder(tmp_path)


def check(mine, **arguments):
    """Report on ImageFolderReID."""
    return check_dataset(load("ImageFolderReID", mine.parent, *PATH, strict=False), **arguments)


def only_finding(report, severity=Severity.ERROR):
    assert len(report.findings) == 1, [finding.title for finding in report.findings]
    assert report.findings[0].severity is severity
    assert report.exit_code == int(severity is Severity.ERROR)
    assert report.findings[0].title in report_text(report)
    return report.findings[0]


@pytest.mark.parametrize("workers", [0, 2])
def test_nothing_wrong(mine, workers):
    report = check(mine, workers=workers)
    assert report.findings == ()
    assert report.exit_code == 0
    assert report.folder == str(mine)
    assert len(report.facts) == sum(TINY.counts.values())
    assert report_text(report).endswith("No problem found")
    train, query, gallery = report.splits
    assert (train.images, train.identities, train.cameras, train.per_identity) == (
        64,
        8,
        2,
        (8, 8, 8),
    )
    assert (query.images, query.identities, query.per_identity) == (8, 4, (2, 2, 2))
    assert (gallery.images, gallery.left_out, gallery.published) == (24, 0, None)


def test_facts(mine):
    path = mine / "train/person1/camera1/grey.png"
    save(path, EXTRA, shape=TINY)
    report = check(mine)
    facts = report.facts[str(path)]
    assert (facts.width, facts.height, facts.mode) == (TINY.width, TINY.height, "RGB")
    assert "32 x 64 (97 images)" in report_text(report)


def test_broken_images(mine):
    empty, cut = (mine / f"train/person1/camera1/1_{number}.jpg" for number in (0, 1))
    empty.write_bytes(b"")
    cut.write_bytes(cut.read_bytes()[:-300])
    finding = only_finding(check(mine, workers=2))
    assert finding.title == "2 images cannot be read"
    assert finding.details[0] == f"{empty}: it is empty (0 bytes)"
    assert re.match(f"{cut}: .*[Tt]runcated", finding.details[1])


def test_an_image_that_the_csv_names_but_nobody_has(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/list.csv").write_text("path,person,split\nno.jpg,a,train\n")
    options = (*PATH, "DATASETS.IMAGE_FOLDER.CSV", "list.csv")
    report = check_dataset(load("ImageFolderReID", tmp_path, *options))
    assert any("there is no such file" in line for line in report.findings[0].details)


def test_all_unparsable_names_are_collected(mine):
    for name in ("a.jpg", "b.jpg"):
        save(mine / "train" / name, EXTRA)
    finding = only_finding(check(mine))
    assert finding.title == "2 names cannot be parsed"
    assert len(finding.details) == 2


def test_queries_without_a_match_under_another_camera(mine):
    shutil.rmtree(mine / "gallery/person12/camera2")
    finding = only_finding(check(mine))
    assert finding.title == "1 query image of 1 identity without a true match"
    assert "person12/camera1" in finding.details[0]
    shutil.rmtree(mine / "gallery/person12")
    assert only_finding(check(mine)).title == "2 query images of 1 identity without a true match"


def test_cameras_unknown_is_no_finding(tmp_path):
    assert check(make_image_folder(tmp_path, cameras_known=False)).findings == ()


def test_identities_in_training_and_test(mine):
    save(mine / "gallery/person1/camera1/x.jpg", EXTRA)
    finding = only_finding(check(mine))
    assert finding.title == "1 identity in both the training and the test set"
    assert "gallery/person1/camera1/x.jpg" in finding.details[0]


def test_the_same_file_in_training_and_test(mine):
    shutil.copy(mine / "train/person1/camera1/1_0.jpg", mine / "gallery/person9/camera1/x.jpg")
    finding = only_finding(check(mine))
    assert finding.title == "1 pair of identical files across training and test set"
    assert "train/person1/camera1/1_0.jpg = " in finding.details[0]


def test_the_same_file_in_query_and_gallery(mine):
    query = mine / "query/person9/camera1/1_0.jpg"
    shutil.copy(query, mine / "gallery/person9/camera1/x.jpg")
    assert check(mine).findings == ()  # the protocol ignores the pair
    shutil.copy(query, mine / "gallery/person9/camera2/x.jpg")
    title = only_finding(check(mine)).title
    assert title == "1 pair of identical files across query and gallery"


def test_the_same_file_under_two_identities(mine):
    shutil.copy(mine / "train/person1/camera1/1_0.jpg", mine / "train/person2/camera1/x.jpg")
    finding = only_finding(check(mine), Severity.WARNING)
    assert finding.title == "1 pair of identical files under two identities in one split"


def test_a_file_copied_many_times_is_paired_with_its_first_copy(mine):
    for number in range(20):
        shutil.copy(mine / "train/person1/camera1/1_0.jpg", mine / f"gallery/person9/camera1/x{number}.jpg")
    title = only_finding(check(mine)).title
    assert title == "20 pairs of identical files across training and test set"


@pytest.mark.parametrize(
    ("removed", "severity", "title"),
    [
        (["train"], Severity.WARNING, "There is no image in train"),
        (["query", "gallery"], Severity.WARNING, "There is no image in query and gallery"),
        (
            ["train", "query", "gallery"],
            Severity.ERROR,
            "There is no image in train and query and gallery",
        ),
        (["query"], Severity.ERROR, "There is no image in query"),
    ],
)
def test_empty_splits(mine, removed, severity, title):
    for split in removed:
        shutil.rmtree(mine / split)
    assert only_finding(check(mine), severity).title == title


def test_published_counts_and_junk(tmp_path):
    folder = make_market(tmp_path)
    save(folder / "bounding_box_test/-1_c1s1_000001_00.jpg", EXTRA)
    report = check_dataset(load("Market1501", tmp_path, strict=False))
    finding = only_finding(report, Severity.WARNING)
    assert finding.title == "3 splits not of the published size"
    assert finding.details[0] == "train: 64 images, published 12,936"
    assert report.splits[2].left_out == 1


def test_distractors_are_no_shared_identity(tmp_path):
    folder = make_market(tmp_path)
    save(folder / "bounding_box_test/0000_c1s1_000001_00.jpg", EXTRA)
    assert check_dataset(load("Market1501", tmp_path)).count(Severity.ERROR) == 0


def test_sets_whose_splits_are_numbered_apart(tmp_path):
    folder = make_synergy(tmp_path)
    save(folder / "reid_test/gallery/0001_0001_0009.jpeg", EXTRA)
    only_finding(check_dataset(load("SynergyReID", tmp_path)), Severity.WARNING)


def test_a_challenge_set_has_no_identities_to_check(tmp_path):
    make_synergy(tmp_path)
    dataset = load("SynergyReID", tmp_path, "DATASETS.SYNERGYREID.CHALLENGE", True)
    assert check_dataset(dataset).findings == ()


def test_page_is_escaped_and_self_contained(mine):
    save(mine / "train/<script>alert(1)<.jpg", EXTRA)
    save(mine / "gallery/<b>x/camera1/x.jpg", EXTRA)
    dataset = load("ImageFolderReID", mine.parent, *PATH, strict=False)
    page = render_page(check_dataset(dataset), dataset)
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;.jpg" in page
    assert page.count("data:image/jpeg;base64,") >= 3
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert "1 error" in page


def test_page_of_a_set_with_nothing_readable(mine):
    for path in mine.rglob("*.jpg"):
        path.write_bytes(b"")
    dataset = load("ImageFolderReID", mine.parent, *PATH)
    page = render_page(check_dataset(dataset), dataset)
    assert "96 images cannot be read" in page


class TestCommand:
    def run(self, mine, *arguments):
        return main(["ImageFolderReID", "--root", str(mine.parent), "--workers", "0", *PATH, *arguments])

    def test_fine(self, mine, capsys):
        assert self.run(mine) == 0
        assert "No problem found" in capsys.readouterr().out

    def test_error(self, mine, capsys):
        (mine / "train/person1/camera1/1_0.jpg").write_bytes(b"")
        assert self.run(mine) == 1
        assert "ERROR: 1 image cannot be read" in capsys.readouterr().out

    def test_report_replaces_an_older_one(self, mine, tmp_path, capsys):
        page = tmp_path / "reports/page.html"
        for _ in range(2):
            assert self.run(mine, "--report", str(page)) == 0
        assert page.read_text().startswith("<!DOCTYPE html>")
        assert [path.name for path in page.parent.iterdir()] == ["page.html"]
        assert f"Report: {page}" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["Market"], "'Market' is not a data set (did you mean 'Market1501'?)"),
            (["DukeMTMC", "--root", "/nowhere"], "there is no /nowhere/DukeMTMC-reID"),
            (["MSMT17", "DATASETS.MSMT17.VERSION", "V3"], "expected one of V1, V2"),
            (["MSMT17", "DATASETS.MSMT17.VERSION"], "options are KEY VALUE pairs"),
            (["MSMT17", "DATASETS.MSMT.VERSION", "V1"], "DATASETS.MSMT.VERSION is not a config key"),
            (["DukeMTMC", "--report", "/tmp"], "--report is the folder /tmp"),
        ],
    )
    def test_usage_errors(self, arguments, message, capsys):
        assert main(arguments) == 2
        assert message in capsys.readouterr().err

    def test_bad_worker_count(self, capsys):
        with pytest.raises(SystemExit) as end:
            main(["DukeMTMC", "--workers", "-1"])
        assert end.value.code == 2
        assert "expected 0 or more processes" in capsys.readouterr().err


def test_script(tmp_path):
    make_market(tmp_path)
    page = tmp_path / "page.html"
    result = python(
        *("scripts/check_dataset.py", "Market1501", "--root", tmp_path, "--workers", "2"),
        *("--report", page, "DATASETS.MARKET1501.WITH_500K", "False"),
    )
    assert result.returncode == 0, result.stderr
    assert "WARNING: 3 splits not of the published size" in result.stdout
    assert page.is_file()
