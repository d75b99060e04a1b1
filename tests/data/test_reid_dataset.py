"""What the loader reads from, and what it does about broken images."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from fastreid.data.common import CommDataset
from mdpr.data.images import ImageReadError
from mdpr.data.reid_dataset import ReIDDataset
from mdpr.errors import DatasetError
from support.datasets import load
from support.miniatures import make_market
from torch.utils.data import DataLoader


@pytest.fixture
def market(tmp_path):
    make_market(tmp_path)
    return load("Market1501", tmp_path)


def to_array(image):
    return np.array(image)


def break_image(items, index):
    Path(items[index][0]).write_bytes(b"")
    return items[index][0]


def paths_of(dataset, workers):
    loader = DataLoader(dataset, batch_size=8, num_workers=workers)
    return [path for batch in loader for path in batch["img_paths"]]


@pytest.mark.parametrize("relabel", [True, False])
def test_same_as_fastreids(market, relabel):
    items = market.train if relabel else market.query + market.gallery
    ours, theirs = (kind(items, to_array, relabel) for kind in (ReIDDataset, CommDataset))
    assert (len(ours), ours.num_classes, ours.num_cameras) == (
        len(theirs),
        theirs.num_classes,
        theirs.num_cameras,
    )
    for index in (0, 1, len(items) - 1):
        mine, other = ours[index], theirs[index]
        assert list(mine) == list(other)
        assert np.array_equal(mine.pop("images"), other.pop("images"))
        assert mine == other


@pytest.mark.parametrize(("relabel", "purpose"), [(True, "train on"), (False, "evaluate on")])
def test_no_images(relabel, purpose):
    with pytest.raises(DatasetError, match=f"there is no image to {purpose}"):
        ReIDDataset([], None, relabel)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_broken_image_stops_training_with_its_path(market, workers):
    path = break_image(market.train, 3)
    with pytest.raises(ImageReadError, match=f"^{path} cannot be read") as error:
        paths_of(ReIDDataset(market.train, to_array), workers)
    assert "\n" not in str(error.value)  # a worker's traceback says nothing that a user can mend


@pytest.mark.parametrize("workers", [0, 2])
def test_skipping_takes_another_image_of_the_same_identity(market, workers, caplog):
    broken = break_image(market.train, 3)
    dataset = ReIDDataset(market.train, to_array, skip_broken=True)
    with caplog.at_level(logging.WARNING):
        first, second = paths_of(dataset, workers), paths_of(dataset, workers)
    assert first == second
    assert first[3] == market.train[4][0]
    assert market.train[4][1] == market.train[3][1]
    assert [path for i, path in enumerate(first) if i != 3] == [
        path for i, (path, _, _) in enumerate(market.train) if i != 3
    ]
    assert dataset.broken_paths == [broken]
    if workers == 0:  # a worker logs in its own process
        assert caplog.text.count(broken) == 1
        assert "it is empty (0 bytes)" in caplog.text


def test_the_replacement_brings_its_own_labels(market):
    for index in range(8):  # every image of the first identity
        break_image(market.train, index)
    dataset = ReIDDataset(market.train, to_array, skip_broken=True)
    item = dataset[3]
    path, identity, camera = market.train[8]
    assert item["img_paths"] == path
    assert (item["targets"], item["camids"]) == (
        dataset.pid_dict[identity],
        dataset.cam_dict[camera],
    )
    assert dataset.broken_paths == [path for path, _, _ in market.train[:8]]


def test_nothing_can_be_read(market):
    items = market.train[:4]
    for index in range(4):
        break_image(items, index)
    with pytest.raises(ImageReadError, match="No other image of the training set can be read"):
        ReIDDataset(items, to_array, skip_broken=True)[0]


@pytest.mark.parametrize("skip", [True, False])
def test_evaluation_never_skips(market, skip):
    items = market.query + market.gallery
    path = break_image(items, 0)
    dataset = ReIDDataset(items, to_array, relabel=False, skip_broken=skip)
    with pytest.raises(ImageReadError, match=path) as error:
        dataset[0]
    assert ("does not apply to evaluation" in str(error.value)) == skip
    assert dataset[1]["img_paths"] == items[1][0]


def test_batches_of_fastreids_loader(market):
    dataset = ReIDDataset(market.train, lambda image: torch.from_numpy(to_array(image)))
    batch = next(iter(DataLoader(dataset, batch_size=4)))
    assert batch["images"].shape == (4, 64, 32, 3)
    assert batch["targets"].dtype == torch.int64
