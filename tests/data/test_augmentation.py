"""Augmentation as a function of the seed and the place in the run."""

import pickle
import random
from multiprocessing.reduction import ForkingPickler

import numpy as np
import pytest
import torch
from fastreid.data.transforms import RandomPatch as PooledRandomPatch
from mdpr.data.augmentation import RandomPatch, build_train_transforms
from mdpr.data.loader import build_train_loader
from mdpr.data.randomness import Purpose, global_generators_seeded, seed_global_generators
from mdpr.data.sampling import Draw
from PIL import Image
from support.configs import tiny_config
from support.miniatures import make_duke

EVERYTHING = [
    part
    for node in ("AUTOAUG", "AUGMIX", "CJ", "RPT", "REA")
    for part in (f"INPUT.{node}.ENABLED", True, f"INPUT.{node}.PROB", 0.9)
]


def draw_from_all():
    return random.random(), np.random.random(), torch.rand(()).item()


def test_generators_follow_the_key_and_are_put_back():
    seed_global_generators(0, Purpose.STEPS, 1)
    expected = draw_from_all()
    seed_global_generators(0, Purpose.STEPS, 1)
    with global_generators_seeded(5, Purpose.AUGMENTATION, 7):
        first = draw_from_all()
    assert draw_from_all() == expected
    with global_generators_seeded(5, Purpose.AUGMENTATION, 7):
        assert draw_from_all() == first
    for other in (
        (6, Purpose.AUGMENTATION, 7),
        (5, Purpose.STEPS, 7),
        (5, Purpose.AUGMENTATION, 8),
    ):
        with global_generators_seeded(*other):
            assert not set(draw_from_all()) & set(first)


@pytest.fixture
def duke(tmp_path, monkeypatch):
    make_duke(tmp_path)
    monkeypatch.setenv("FASTREID_DATASETS", str(tmp_path))


def batches(count, *, workers=0, images_done=0, seed=0):
    cfg = tiny_config(
        *("DATASETS.NAMES", ("DukeMTMC",), "SOLVER.IMS_PER_BATCH", 8, "SEED", seed),
        *("DATALOADER.NUM_INSTANCE", 4, "DATALOADER.NUM_WORKERS", workers, *EVERYTHING),
    )
    loader = build_train_loader(cfg)
    loader.load_state_dict({"images": images_done})
    iterator = iter(loader)
    drawn = [next(iterator) for _ in range(count)]
    loader.close()
    return drawn, loader


def same(one, other):
    return one["img_paths"] == other["img_paths"] and torch.equal(one["images"], other["images"])


def test_batches_do_not_depend_on_processes_or_history(duke):
    whole, _ = batches(4)
    draw_from_all()
    for workers in (1, 2):
        others, _ = batches(4, workers=workers)
        assert all(map(same, whole, others))
    tail, loader = batches(2, images_done=16)
    assert all(map(same, whole[2:], tail))
    assert loader.state_dict() == {"images": 16}  # no step is done yet
    loader.commit()
    assert loader.state_dict() == {"images": 32}
    assert not same(batches(1, seed=1)[0][0], whole[0])
    # The same image is augmented differently at another place.
    later, _ = batches(8, images_done=64)
    images = dict(zip(whole[0]["img_paths"], whole[0]["images"], strict=True))
    again = [
        (images[path], image)
        for batch in later
        for path, image in zip(batch["img_paths"], batch["images"], strict=True)
        if path in images
    ]
    assert again
    assert all(not torch.equal(first, second) for first, second in again)


def test_loader_processes_that_are_started_anew(duke):
    """As those of a process that was itself spawned: they get the data set as a pickle."""
    (batch,), loader = batches(1)
    dataset = pickle.loads(ForkingPickler.dumps(loader.dataset))
    first = dataset[Draw(loader.dataset.img_items.index(item_of(loader, batch)), 0)]
    assert torch.equal(first["images"], batch["images"][0])


def item_of(loader, batch):
    return next(item for item in loader.dataset.img_items if item[0] == batch["img_paths"][0])


def test_loading_draws_nothing_from_the_models_generators(duke):
    seed_global_generators(0, Purpose.STEPS)
    expected = draw_from_all()
    for workers in (0, 1):
        seed_global_generators(0, Purpose.STEPS)
        batches(2, workers=workers)
        assert draw_from_all() == expected


def gradient(number):
    """(64, 32) image: red is the row, green the column, blue says which image it is."""
    pixels = np.zeros((64, 32, 3), np.uint8)
    pixels[..., 0], pixels[..., 1] = np.arange(64)[:, None], np.arange(32)
    pixels[..., 2] = 100 + number
    return Image.fromarray(pixels)


def test_patch_is_a_piece_of_another_image():
    transform = RandomPatch(gradient, 5, prob_happen=1.0)
    sources, flips = set(), 0
    for _ in range(100):
        image = transform(torch.zeros(3, 64, 32))
        rows, columns = np.nonzero(image[2].numpy())
        patch = image[:, rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert (patch[2] == patch[2, 0, 0]).all()  # one rectangle, of one image
        sources.add(int(patch[2, 0, 0]) - 100)
        assert 0.005 < patch[0].numel() / (64 * 32) < 0.52
        for channel, axis in ((0, 0), (1, 1)):
            steps = torch.diff(patch[channel], dim=axis)
            flipped = channel == 1 and steps.numel() > 0 and bool((steps == -1).all())
            flips += flipped
            assert flipped or (steps == 1).all()
    assert sources == {0, 1, 2, 3, 4}
    assert 25 < flips < 75


def test_patches_are_as_large_and_as_frequent_as_fastreids():
    def sizes(transform, number):
        """Areas of patches of ones pasted on zeros."""
        return np.array([float(transform(torch.zeros(3, 64, 32))[0].sum()) for _ in range(number)])

    ones = Image.fromarray(np.ones((20, 10, 3), np.uint8))  # of another size than the batch's
    ours = sizes(RandomPatch(lambda index: ones, 1, prob_happen=0.5), 3000)
    pooled = PooledRandomPatch(prob_happen=0.5)
    for _ in range(3000):
        pooled(torch.ones(3, 64, 32))
    theirs = sizes_of_pool(pooled)
    assert (ours > 0).mean() == pytest.approx(0.5, abs=0.04)
    pasted = ours[ours > 0]
    for quantile in (0.1, 0.25, 0.5, 0.75, 0.9):
        assert np.quantile(pasted, quantile) == pytest.approx(np.quantile(theirs, quantile), rel=0.15, abs=8)


def sizes_of_pool(pooled):
    return np.array([patch.shape[1] * patch.shape[2] for patch in pooled.patchpool])


def test_only_the_patch_is_replaced():
    cfg = tiny_config(*EVERYTHING)
    kinds = [type(t) for t in build_train_transforms(cfg, gradient, 5).transforms]
    assert kinds.count(RandomPatch) == 1
    assert PooledRandomPatch not in kinds
    cfg.merge_from_list(["INPUT.RPT.ENABLED", False])
    assert RandomPatch not in [type(t) for t in build_train_transforms(cfg, gradient, 5).transforms]


def test_patches_come_from_a_store_where_that_is_asked_for():
    cfg = tiny_config(*EVERYTHING, "INPUT.RPT.STORE", 150, "INPUT.RPT.PROB", 0.25)
    transforms = build_train_transforms(cfg, gradient, 5).transforms
    (patch,) = (each for each in transforms if isinstance(each, PooledRandomPatch))
    assert type(patch) is PooledRandomPatch
    assert patch.prob_happen == 0.25
    assert patch.patchpool.maxlen == 150
