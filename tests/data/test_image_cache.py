"""Cached images are the images, in every process, and nothing else is ever handed out."""

import pickle
import shutil
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch
from mdpr.data import reid_dataset
from mdpr.data.image_cache import ImageCache, training_cache
from mdpr.data.images import read_rgb
from mdpr.data.sampling import Draw
from mdpr.data.training_set import TrainingSet
from mdpr.errors import ConfigError
from PIL import Image
from support.configs import tiny_config
from torchvision.transforms import Resize

SIZE = (64, 32)


@pytest.fixture
def paths(tmp_path):
    random = np.random.default_rng(0)
    names = [str(tmp_path / f"{index}.png") for index in range(4)]
    for name in names:
        Image.fromarray(random.integers(0, 256, (50, 23, 3), dtype=np.uint8)).save(name)
    return names


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache"


def test_images_come_back_as_fastreids_transforms_resize_them(paths, folder):
    cache = ImageCache(folder, paths, SIZE)
    assert cache.get(2) is None
    expected = Resize(SIZE, interpolation=3)(read_rgb(paths[2]))
    assert np.array_equal(cache.put(2, read_rgb(paths[2])), expected)
    assert np.array_equal(cache.get(2), expected)
    assert cache.get(1) is None
    assert np.array_equal(ImageCache(folder, paths, SIZE).get(2), expected)  # a later run
    assert cache.path.stat().st_size == 4 * (64 * 32 * 3 + 4)


def test_another_size_or_a_changed_file_is_another_cache(paths, folder):
    cache = ImageCache(folder, paths, SIZE)
    assert ImageCache(folder, paths, (32, 64)).path != cache.path
    assert ImageCache(folder, paths[:3], SIZE).path != cache.path
    Image.new("RGB", (9, 9)).save(paths[0])
    assert ImageCache(folder, paths, SIZE).path != cache.path


def test_damage_counts_as_missing(paths, folder):
    cache = ImageCache(folder, paths, SIZE)
    cache.put(1, Image.new("RGB", (5, 5)))  # black: even its checksum is no special case
    assert cache.get(1) is not None
    with cache.path.open("r+b") as file:
        file.seek(64 * 32 * 3 + 17)
        file.write(b"\x01")
    assert cache.get(1) is None


def put_and_get(cache, index, path):
    cache.put(index, read_rgb(path))
    return np.asarray(cache.get(index))


def test_processes_started_anew_share_it(paths, folder):
    cache = ImageCache(folder, paths, SIZE)
    assert len(pickle.dumps(cache)) < 1000
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        theirs = pool.submit(put_and_get, cache, 3, paths[3]).result()
    assert np.array_equal(cache.get(3), theirs)


def test_a_full_disk_is_told_before_the_first_image(paths, folder, monkeypatch):
    usage = shutil.disk_usage(folder.parent)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=10))
    with pytest.raises(
        ConfigError, match=r"DATALOADER.IMAGE_CACHE .* 0.0 GB left.* 4 images of 64 x 32"
    ):
        ImageCache(folder, paths, SIZE)


class TestTrainingSet:
    def training_set(self, paths, *options):
        cfg = tiny_config("DATALOADER.IMAGE_CACHE", "", *options)
        return TrainingSet(cfg, [(path, i // 2, 0) for i, path in enumerate(paths)])

    def draws(self, training_set, positions):
        return [training_set[Draw(position % 4, position)]["images"] for position in positions]

    def test_same_draws_from_fewer_files(self, paths, folder, monkeypatch):
        without_patch = ("INPUT.RPT.ENABLED", False)  # patches are cut before or after resizing
        expected = self.draws(self.training_set(paths, *without_patch), range(8))
        reads = []

        def read(path):
            reads.append(path)
            return read_rgb(path)

        monkeypatch.setattr(reid_dataset, "read_rgb", read)
        options = ("DATALOADER.IMAGE_CACHE", str(folder), *without_patch)
        cached = self.training_set(paths, *options)
        assert all(map(torch.equal, self.draws(cached, range(8)), expected))
        assert sorted(reads) == sorted(paths)
        assert all(
            map(torch.equal, self.draws(self.training_set(paths, *options), range(8)), expected)
        )
        assert len(reads) == 4

    def test_patches_do_not_depend_on_what_is_cached(self, paths, folder):
        options = ("DATALOADER.IMAGE_CACHE", str(folder), "INPUT.RPT.PROB", 1.0)
        training_set = self.training_set(paths, *options)
        first, second = (self.draws(training_set, range(8)) for _ in range(2))
        assert all(map(torch.equal, first, second))

    def test_broken_images_are_replaced_and_never_stored(self, paths, folder):
        Path(paths[0]).write_bytes(b"no image")
        options = ("DATALOADER.IMAGE_CACHE", str(folder), "DATALOADER.SKIP_BROKEN_IMAGES", True)
        training_set = self.training_set(paths, *options, "INPUT.RPT.ENABLED", False)
        for _ in range(2):
            assert training_set.read_image(0)[0] == 1
        assert training_set.broken_paths == [paths[0]]

    def test_auto_augmentation_is_refused(self, paths, folder):
        cfg = tiny_config("DATALOADER.IMAGE_CACHE", str(folder), "INPUT.AUTOAUG.ENABLED", True)
        with pytest.raises(ConfigError, match=r"expected '' while INPUT.AUTOAUG.ENABLED is True"):
            training_cache(cfg, paths)
