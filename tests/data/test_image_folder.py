"""Any data: from folders and from CSV files."""

import logging
from pathlib import Path

import pytest
from mdpr.data.datasets import ImageFolderReID
from mdpr.errors import DatasetError
from support.datasets import counts, load
from support.miniatures import TINY, Sample, make_csv, make_image_folder, save

PATH = ("DATASETS.IMAGE_FOLDER.PATH", "mine")
CSV = (*PATH, "DATASETS.IMAGE_FOLDER.CSV", "images.csv")
SOURCES = {"folders": (make_image_folder, PATH), "csv": (make_csv, CSV)}
EXTRA = Sample("gallery", 99, 1, 0)


@pytest.mark.parametrize("source", SOURCES)
def test_cameras_known(source, tmp_path, caplog):
    make, options = SOURCES[source]
    make(tmp_path)
    dataset = load("ImageFolderReID", tmp_path, *options)
    assert counts(dataset) == TINY.counts
    assert dataset.cameras == ["camera1", "camera2"]
    assert {camera for _, _, camera in dataset.query} == {0, 1}
    assert {camera for _, _, camera in dataset.gallery} == {0, 1}
    assert {camera for _, _, camera in dataset.train} == {"imagefolder_0", "imagefolder_1"}
    assert not caplog.records


@pytest.mark.parametrize("source", SOURCES)
def test_cameras_unknown(source, tmp_path, caplog):
    make, options = SOURCES[source]
    make(tmp_path, cameras_known=False)
    with caplog.at_level(logging.WARNING):
        dataset = load("ImageFolderReID", tmp_path, *options)
    assert counts(dataset) == TINY.counts
    assert {camera for _, _, camera in dataset.query} == {0}
    assert {camera for _, _, camera in dataset.gallery} == {1}
    assert "8 query images" in caplog.text
    assert "no true match is filtered away" in caplog.text


def test_identities_are_numbered_once_for_all_splits(tmp_path):
    make_image_folder(tmp_path)
    save(tmp_path / "mine/gallery/person1/camera1/x.jpg", EXTRA)  # a training identity
    dataset = load("ImageFolderReID", tmp_path, *PATH)
    path, identity, _ = next(item for item in dataset.gallery if item[0].endswith("x.jpg"))
    assert dataset.persons[identity] == "person1"
    assert f"imagefolder_{identity}" in {label for _, label, _ in dataset.train}
    for path, identity, _ in dataset.query:
        assert f"/{dataset.persons[identity]}/" in path


def test_some_cameras_unknown(tmp_path):
    make_image_folder(tmp_path)
    save(tmp_path / "mine/gallery/person12/x.jpg", EXTRA)
    save(tmp_path / "mine/query/person12/x.jpg", EXTRA)
    dataset = load("ImageFolderReID", tmp_path, *PATH)
    assert {camera for _, _, camera in dataset.query} == {0, 1, 2}
    assert {camera for _, _, camera in dataset.gallery} == {0, 1, 3}


def test_junk(tmp_path):
    make_image_folder(tmp_path)
    save(tmp_path / "mine/gallery/-1/camera1/x.jpg", EXTRA)
    dataset = load("ImageFolderReID", tmp_path, *PATH)
    assert counts(dataset) == TINY.counts
    assert dataset.junk == {"gallery": 1}


@pytest.mark.parametrize("place", ["train/x.jpg", "train/person1/camera1/monday/x.jpg"])
def test_an_image_in_the_wrong_place(place, tmp_path):
    path = make_image_folder(tmp_path) / place
    save(path, EXTRA)
    with pytest.raises(DatasetError) as error:
        load("ImageFolderReID", tmp_path, *PATH)
    assert str(path) in str(error.value)
    assert "train/PERSON/CAMERA/IMAGE, or train/PERSON/IMAGE" in str(error.value)


def test_linked_folders_are_followed(tmp_path):
    folder = make_image_folder(tmp_path)
    for place in ("gallery", "train/person1"):
        (folder / place).rename(tmp_path / Path(place).name)
        (folder / place).symlink_to(tmp_path / Path(place).name)
    assert counts(load("ImageFolderReID", tmp_path, *PATH)) == TINY.counts


def test_training_images_only(tmp_path):
    folder = make_image_folder(tmp_path)
    for split in ("query", "gallery"):
        (folder / split).rename(tmp_path / split)
    assert counts(load("ImageFolderReID", tmp_path, *PATH)) == {
        "train": 64,
        "query": 0,
        "gallery": 0,
    }


def test_a_query_without_a_gallery(tmp_path):
    (make_image_folder(tmp_path) / "gallery").rename(tmp_path / "gallery")
    with pytest.raises(DatasetError, match="has query images but no gallery images"):
        load("ImageFolderReID", tmp_path, *PATH)


def test_no_image_at_all(tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(DatasetError, match=r"mine holds no image\. Set DATASETS\.IMAGE_FOLDER\.PATH"):
        load("ImageFolderReID", tmp_path, *PATH)


def test_no_such_folder_and_no_path(tmp_path):
    with pytest.raises(DatasetError, match=f"there is no {tmp_path / 'mine'}"):
        load("ImageFolderReID", tmp_path, *PATH)
    with pytest.raises(DatasetError, match="no folder is given"):
        ImageFolderReID(tmp_path)


def test_an_absolute_path_replaces_the_root(tmp_path):
    folder = make_image_folder(tmp_path / "elsewhere")
    dataset = load("ImageFolderReID", tmp_path, "DATASETS.IMAGE_FOLDER.PATH", str(folder))
    assert counts(dataset) == TINY.counts


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (
            "images/0001.jpg,person1,camera1,test",
            "split is 'test'; expected one of train, query, gallery",
        ),
        ("images/0001.jpg,,camera1,train", "person is empty; expected path,person,camera,split"),
        (",person1,camera1,train", "path is empty"),
    ],
)
def test_a_bad_csv_row(row, problem, tmp_path):
    csv_path = make_csv(tmp_path) / "images.csv"
    columns = "path,person,camera,split"
    csv_path.write_text(f"{columns}\nimages/0000.jpg,person1,camera1,train\n{row}\n")
    with pytest.raises(DatasetError) as error:
        load("ImageFolderReID", tmp_path, *CSV)
    assert f"{csv_path}, line 3: {problem}" in str(error.value)
    lenient = load("ImageFolderReID", tmp_path, *CSV, strict=False)
    assert (len(lenient.train), len(lenient.naming_problems)) == (1, 1)


def test_csv_without_a_column(tmp_path):
    csv_path = make_csv(tmp_path) / "images.csv"
    csv_path.write_text("file,person,split\n")
    with pytest.raises(DatasetError, match=r"has no column path \(it has: file, person, split\)"):
        load("ImageFolderReID", tmp_path, *CSV)


def test_csv_from_a_spreadsheet(tmp_path):
    csv_path = make_csv(tmp_path) / "images.csv"
    csv_path.write_bytes(b"\xef\xbb\xbf" + csv_path.read_bytes().replace(b"\n", b"\r\n"))
    assert counts(load("ImageFolderReID", tmp_path, *CSV)) == TINY.counts


def test_csv_that_is_none(tmp_path):
    csv_path = make_csv(tmp_path) / "images.csv"
    csv_path.write_bytes(b"path,person,split\n\xff\xd8\xff\xe0")
    with pytest.raises(DatasetError, match="is no CSV file in UTF-8"):
        load("ImageFolderReID", tmp_path, *CSV)
    csv_path.unlink()
    with pytest.raises(DatasetError, match=f"there is no {csv_path}"):
        load("ImageFolderReID", tmp_path, *CSV)
