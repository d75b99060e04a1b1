"""Each data set against a miniature in its layout."""

import shutil
from pathlib import Path

import pytest
from fastreid.data.datasets import DATASET_REGISTRY, dukemtmcreid, market1501, msmt17
from mdpr.data import datasets
from mdpr.data.registry import load_dataset
from mdpr.errors import ConfigError, DatasetError
from support.datasets import counts, dataset_config, load
from support.miniatures import (
    TINY,
    Sample,
    make_cuhk03np,
    make_duke,
    make_market,
    make_msmt17,
    make_occluded_duke,
    make_synergy,
    save,
)

SETS = {
    "Market1501": (make_market, "Market-1501-v15.09.15"),
    "DukeMTMC": (make_duke, "DukeMTMC-reID"),
    "OccludedDuke": (make_occluded_duke, "Occluded_Duke"),
    "CUHK03NP": (make_cuhk03np, "cuhk03-np"),
    "SynergyReID": (make_synergy, "synergyreid_data"),
    "MSMT17": (make_msmt17, "MSMT17_V1"),
}
FOLDER_SETS = [name for name in SETS if name != "MSMT17"]
EXTRA = Sample("gallery", 99, 1, 0)


@pytest.mark.parametrize("name", datasets.__all__)
def test_registered_in_place_of_fastreids(name):
    assert DATASET_REGISTRY.get(name) is getattr(datasets, name)


@pytest.mark.parametrize("name", SETS)
def test_counts_and_forms(name, tmp_path):
    SETS[name][0](tmp_path)
    dataset = load(name, tmp_path, "DATASETS.MSMT17.WITH_VALIDATION", True)
    assert counts(dataset) == TINY.counts
    path, identity, camera = dataset.train[0]
    prefix = dataset.dataset_name
    assert Path(path).is_file()
    assert identity.startswith(f"{prefix}_")
    assert camera == f"{prefix}_0"
    assert dataset.get_num_pids(dataset.train) == TINY.train_identities
    for items in (dataset.query, dataset.gallery):
        assert all(type(identity) is int and type(camera) is int for _, identity, camera in items)
        assert dataset.get_num_pids(items) == TINY.test_identities
    dataset.show_train()
    dataset.show_test()


@pytest.mark.parametrize("name", SETS)
def test_lists_are_sorted_whatever_the_file_system(name, tmp_path, monkeypatch):
    SETS[name][0](tmp_path)
    before = load(name, tmp_path)
    listed = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda folder: sorted(listed(folder), reverse=True))
    after = load(name, tmp_path)
    for split in ("train", "query", "gallery"):
        assert getattr(after, split) == getattr(before, split)
        paths = [path for path, _, _ in getattr(after, split)]
        assert paths == sorted(paths)


@pytest.mark.parametrize("name", ["Market1501", "DukeMTMC", "MSMT17"])
def test_same_images_as_fastreid(name, tmp_path):
    SETS[name][0](tmp_path)
    theirs_class = {
        "Market1501": market1501.Market1501,
        "DukeMTMC": dukemtmcreid.DukeMTMC,
        "MSMT17": msmt17.MSMT17,
    }[name]
    ours, theirs = load(name, tmp_path), theirs_class(root=str(tmp_path))
    assert isinstance(ours, theirs_class)
    assert ours.train == sorted(theirs.train)
    for split in ("query", "gallery"):
        their_items = sorted(getattr(theirs, split))
        # fast-reid counts MSMT17's test identities on from the training identities it found.
        shift = 1041 - TINY.train_identities if name == "MSMT17" else 0
        assert getattr(ours, split) == [(path, pid + shift, cam) for path, pid, cam in their_items]


@pytest.mark.parametrize("name", SETS)
def test_missing_set_is_one_line_that_says_what_to_do(name, tmp_path):
    with pytest.raises(DatasetError) as error:
        load(name, tmp_path)
    message = str(error.value)
    assert "\n" not in message
    assert str(tmp_path / SETS[name][1]) in message
    assert "FASTREID_DATASETS sets (default: datasets/)" in message
    assert "http" in message


def test_a_relative_root_is_reported_as_an_absolute_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FASTREID_DATASETS", raising=False)
    with pytest.raises(DatasetError, match=str(tmp_path / "datasets" / "DukeMTMC-reID")):
        datasets.DukeMTMC()


@pytest.mark.parametrize("name", SETS)
def test_a_missing_part_is_named(name, tmp_path):
    folder = SETS[name][0](tmp_path)
    part = next(path for path in sorted(folder.rglob("*")) if path.is_dir())
    shutil.rmtree(part)
    if name == "SynergyReID":  # the first folder is the challenge set's
        load(name, tmp_path)
        return
    with pytest.raises(DatasetError) as error:
        load(name, tmp_path)
    assert f"there is no {part}" in str(error.value)


def test_an_empty_folder_is_named(tmp_path):
    folder = make_duke(tmp_path) / "query"
    shutil.rmtree(folder)
    folder.mkdir()
    with pytest.raises(DatasetError, match=r"query holds no image \(\*\.jpg\)"):
        load("DukeMTMC", tmp_path)


@pytest.mark.parametrize("name", FOLDER_SETS)
def test_a_name_that_does_not_parse(name, tmp_path):
    folder = SETS[name][0](tmp_path)
    bad = sorted(folder.rglob("query"))[-1] / f"holiday{'.jpeg' if name == 'SynergyReID' else '.jpg'}"
    save(bad, EXTRA)
    with pytest.raises(DatasetError) as error:
        load(name, tmp_path)
    message = str(error.value)
    assert str(bad) in message
    assert datasets.__dict__[name].name_example in message
    assert f"`python scripts/check_dataset.py {name}`" in message
    lenient = load(name, tmp_path, strict=False)
    assert counts(lenient)["query"] == TINY.counts["query"]
    assert len(lenient.naming_problems) == 1
    assert str(bad) in lenient.naming_problems[0]


@pytest.mark.parametrize(
    ("name", "file_name", "reason"),
    [
        ("Market1501", "0001_c7s1_000001_00.jpg", "camera 7 is not between 1 and 6"),
        ("Market1501", "1502_c1s1_000001_00.jpg", "identity 1502 is more than 1501"),
        ("DukeMTMC", "0001_c9_f0000001.jpg", "camera 9 is not between 1 and 8"),
        ("DukeMTMC", "0001_c10_f0000001.jpg", "camera 10 is not between 1 and 8"),
        ("CUHK03NP", "0001_c3_1.png", "camera 3 is not between 1 and 2"),
    ],
)
def test_numbers_out_of_range(name, file_name, reason, tmp_path):
    folder = SETS[name][0](tmp_path)
    save(folder / "bounding_box_train" / file_name, EXTRA)
    with pytest.raises(DatasetError, match=reason):
        load(name, tmp_path)


def test_hidden_and_foreign_files_are_no_images(tmp_path):
    folder = make_market(tmp_path) / "bounding_box_test"
    (folder / "Thumbs.db").write_bytes(b"x")
    (folder / "._0001_c1s1_000001_00.jpg").write_bytes(b"x")
    assert counts(load("Market1501", tmp_path)) == TINY.counts


class TestMarket1501:
    def test_junk_is_left_out_and_distractors_stay_in_the_gallery(self, tmp_path):
        folder = make_market(tmp_path)
        for split in ("bounding_box_train", "query", "bounding_box_test"):
            save(folder / split / "-1_c1s1_000001_00.jpg", EXTRA)
            save(folder / split / "0000_c1s1_000001_00.jpg", EXTRA)
        dataset = load("Market1501", tmp_path)
        assert counts(dataset) == TINY.counts | {"gallery": TINY.counts["gallery"] + 1}
        assert dataset.junk == {"train": 2, "query": 2, "gallery": 1}
        assert [identity for _, identity, _ in dataset.gallery].count(0) == 1
        # Neither is a person to train on.
        combined = load("Market1501", tmp_path, combineall=True)
        assert len(combined.train) == sum(TINY.counts.values())

    def test_500k_distractors(self, tmp_path):
        folder = make_market(tmp_path)
        save(folder / "images" / "0000_c1s1_000009_00.jpg", EXTRA)
        assert counts(load("Market1501", tmp_path)) == TINY.counts
        large = load("Market1501", tmp_path, "DATASETS.MARKET1501.WITH_500K", True)
        assert len(large.gallery) == TINY.counts["gallery"] + 1
        assert "gallery" not in large.published_counts

    def test_500k_distractors_missing(self, tmp_path):
        folder = make_market(tmp_path)
        with pytest.raises(DatasetError, match=str(folder / "images")):
            load("Market1501", tmp_path, "DATASETS.MARKET1501.WITH_500K", True)

    def test_folders_right_under_the_root(self, tmp_path):
        folder = make_market(tmp_path / "elsewhere")
        assert counts(load("Market1501", folder)) == TINY.counts


def test_dukes_gallery_keeps_distractors(tmp_path):
    save(make_duke(tmp_path) / "bounding_box_test" / "7139_c1_f0000001.jpg", EXTRA)
    assert counts(load("DukeMTMC", tmp_path))["gallery"] == TINY.counts["gallery"] + 1


class TestMSMT17:
    def test_the_version_asked_for_is_read_whatever_else_is_there(self, tmp_path):
        make_msmt17(tmp_path, version="V1")
        make_msmt17(tmp_path, version="V2")
        for version in ("V1", "V2"):
            dataset = load("MSMT17", tmp_path, "DATASETS.MSMT17.VERSION", version)
            items = dataset.train + dataset.query + dataset.gallery
            assert all(f"MSMT17_{version}" in path for path, _, _ in items)

    def test_the_other_version_does_not_stand_in(self, tmp_path):
        make_msmt17(tmp_path, version="V1")
        with pytest.raises(DatasetError, match=r"MSMT17_V2.*DATASETS\.MSMT17\.VERSION"):
            load("MSMT17", tmp_path, "DATASETS.MSMT17.VERSION", "V2")

    def test_validation_images(self, tmp_path):
        make_msmt17(tmp_path)
        held_out = TINY.train_identities * TINY.cameras
        assert len(load("MSMT17", tmp_path).train) == TINY.counts["train"] - held_out
        everything = load("MSMT17", tmp_path, combineall=True)
        assert len(everything.train) == sum(TINY.counts.values())

    def test_a_bad_line_is_named(self, tmp_path):
        list_path = make_msmt17(tmp_path) / "list_query.txt"
        list_path.write_text(list_path.read_text() + "0001/holiday.jpg 1\n")
        with pytest.raises(DatasetError) as error:
            load("MSMT17", tmp_path)
        line = TINY.counts["query"] + 1
        assert f"{list_path}, line {line}, '0001/holiday.jpg 1'" in str(error.value)
        assert "0000/0000_000_01_0303morning_0008_0.jpg 0" in str(error.value)
        assert len(load("MSMT17", tmp_path, strict=False).naming_problems) == 1

    def test_an_unknown_version(self, tmp_path):
        with pytest.raises(ConfigError, match="version is 'V9': expected one of V1, V2"):
            datasets.MSMT17(tmp_path, version="V9")


class TestCUHK03NP:
    def test_boxes(self, tmp_path):
        make_cuhk03np(tmp_path, boxes="detected")
        make_cuhk03np(tmp_path, boxes="labeled")
        for boxes in ("detected", "labeled"):
            dataset = load("CUHK03NP", tmp_path, "DATASETS.CUHK03NP.BOXES", boxes)
            assert all(f"/{boxes}/" in path for path, _, _ in dataset.train)
            assert dataset.published_counts["gallery"] == {"detected": 5332, "labeled": 5328}[boxes]

    def test_unknown_boxes(self, tmp_path):
        with pytest.raises(ConfigError, match="boxes is 'best': expected one of detected, labeled"):
            datasets.CUHK03NP(tmp_path, boxes="best")


class TestSynergyReID:
    def test_query_and_gallery_have_different_cameras(self, tmp_path):
        make_synergy(tmp_path)
        dataset = load("SynergyReID", tmp_path)
        assert {camera for _, _, camera in dataset.query} == {0}
        assert {camera for _, _, camera in dataset.gallery} == {1}
        assert dataset.has_identities

    def test_challenge(self, tmp_path):
        make_synergy(tmp_path)
        dataset = load("SynergyReID", tmp_path, "DATASETS.SYNERGYREID.CHALLENGE", True)
        assert counts(dataset) == TINY.counts
        assert all("reid_challenge" in path for path, _, _ in dataset.query + dataset.gallery)
        assert {identity for _, identity, _ in dataset.query + dataset.gallery} == {-1}
        assert not dataset.has_identities
        # Nobody can be trained on whose identity is unknown.
        combined = load("SynergyReID", tmp_path, "DATASETS.SYNERGYREID.CHALLENGE", True, combineall=True)
        assert len(combined.train) == TINY.counts["train"]


@pytest.mark.parametrize("name", SETS)
def test_keywords_of_fastreids_loader_builders_are_accepted(name, tmp_path):
    SETS[name][0](tmp_path)
    dataset = DATASET_REGISTRY.get(name)(root=str(tmp_path), combineall=False, num_workers=2)
    assert dataset.train


def test_the_root_is_read_when_a_set_is_loaded(tmp_path, monkeypatch):
    make_duke(tmp_path / "a")
    monkeypatch.setenv("FASTREID_DATASETS", str(tmp_path / "b"))
    with pytest.raises(DatasetError, match=str(tmp_path / "b")):
        load_dataset("DukeMTMC", dataset_config())
    monkeypatch.setenv("FASTREID_DATASETS", str(tmp_path / "a"))
    assert counts(load_dataset("DukeMTMC", dataset_config())) == TINY.counts
