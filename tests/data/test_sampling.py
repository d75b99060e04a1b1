"""Which images come when: fast-reid's rules, from any place in a run on."""

from collections import Counter
from itertools import islice

import numpy as np
import pytest
from fastreid.data import samplers
from fastreid.utils import comm
from mdpr.data.randomness import Purpose, derived_seed
from mdpr.data.sampling import build_batches
from support.configs import tiny_config

BATCH, INSTANCES, STEPS = 16, 4, 40


def make_items(identities=21, cameras=3):
    """Identities with 1 to 12 images, some in one camera only, in mixed order."""
    random = np.random.default_rng(0)
    items = [
        (f"{identity}_{image}.jpg", f"p{identity}", f"c{random.integers(cameras if identity % 4 else 1)}")
        for identity in range(identities)
        for image in range(1 + identity % 12)
    ]  # fmt: skip
    random.shuffle(items)
    return [tuple(map(str, item)) for item in items]


ITEMS = make_items()


def config(name, *options, seed=3):
    return tiny_config(
        *("DATALOADER.SAMPLER_TRAIN", name, "DATALOADER.NUM_INSTANCE", INSTANCES),
        *("SOLVER.IMS_PER_BATCH", BATCH, "SEED", seed, *options),
    )


def draws(name, *options, start=0, steps=STEPS, rank=0, processes=1, seed=3):
    cfg = config(name, *options, seed=seed)
    batches = build_batches(cfg, ITEMS, rank=rank, processes=processes)
    batches.start = start
    return list(islice(batches, steps))


def fastreids(name, per_process, monkeypatch, rank, processes):
    """The same number of images from fast-reid's own sampler, with the generators to itself."""
    monkeypatch.setattr(comm, "get_rank", lambda: rank)
    monkeypatch.setattr(comm, "get_world_size", lambda: processes)
    seed = derived_seed(3, Purpose.SAMPLING)
    if name == "TrainingSampler":
        sampler = samplers.TrainingSampler(len(ITEMS), seed=seed)
    elif name == "ImbalancedDatasetSampler":
        sampler = samplers.ImbalancedDatasetSampler(ITEMS, seed=seed)
    else:
        sampler = getattr(samplers, name)(ITEMS, per_process, INSTANCES, seed=seed)
    return [int(index) for index in islice(iter(sampler), STEPS * per_process)]


@pytest.mark.parametrize(("rank", "processes"), [(0, 1), (0, 2), (1, 2)])
@pytest.mark.parametrize(
    "name",
    [
        "NaiveIdentitySampler",
        "BalancedIdentitySampler",
        "TrainingSampler",
        "ImbalancedDatasetSampler",
    ],
)
def test_image_for_image_as_fastreids(name, rank, processes, monkeypatch):
    import torch  # noqa: PLC0415

    torch.manual_seed(derived_seed(3, Purpose.SAMPLING))  # its weighted sampler draws from torch
    ours = [d.image for batch in draws(name, rank=rank, processes=processes) for d in batch]
    assert ours == fastreids(name, BATCH // processes, monkeypatch, rank, processes)


ALL = [
    ("NaiveIdentitySampler",),
    ("BalancedIdentitySampler",),
    ("TrainingSampler",),
    ("ImbalancedDatasetSampler",),
]


@pytest.mark.parametrize("sampler", ALL, ids=lambda sampler: sampler[0])
def test_order_is_a_function_of_seed_and_place(sampler):
    whole = draws(*sampler)
    np.random.random(7)  # what else draws does not matter
    assert draws(*sampler, start=17, steps=5) == whole[17:22]
    assert draws(*sampler, seed=4) != whole
    positions = [draw.position for batch in whole for draw in batch]
    assert positions == list(range(STEPS * BATCH))


@pytest.mark.parametrize("sampler", ALL, ids=lambda sampler: sampler[0])
def test_processes_share_every_batch(sampler):
    """Two processes get what one would: of each step, every position once."""
    if sampler[0] == "NaiveIdentitySampler":
        pytest.skip("draws a process's identities at a time, as fast-reid does")
    whole = draws(*sampler)
    halves = [draws(*sampler, rank=rank, processes=2) for rank in (0, 1)]
    for batch, *parts in zip(whole, *halves, strict=True):
        assert sorted(draw for part in parts for draw in part) == sorted(batch)
        assert {len(part) for part in parts} == {BATCH // 2}


@pytest.mark.parametrize("name", ["NaiveIdentitySampler", "BalancedIdentitySampler"])
def test_a_process_has_all_images_of_its_identities(name):
    for batch in draws(name, rank=1, processes=2):
        assert set(Counter(ITEMS[draw.image][1] for draw in batch).values()) == {INSTANCES}
