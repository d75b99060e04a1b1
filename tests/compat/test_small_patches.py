"""One test for each small mend of fast-reid; each fails with fast-reid as it is."""

import subprocess

import fastreid.data.build
import fastreid.evaluation.reid_evaluation
import fastreid.modeling.meta_arch.mgn
import numpy as np
import pytest
import torch
from fastreid.data.common import CommDataset
from fastreid.data.transforms import build_transforms
from fastreid.data.transforms.functional import to_tensor as fastreids_to_tensor
from fastreid.evaluation import ReidEvaluator
from fastreid.evaluation.rank import evaluate_rank
from fastreid.modeling.meta_arch import build_model
from mdpr.compat.byte_storage import image_to_tensor
from PIL import Image
from support.configs import tiny_config


@pytest.fixture
def images(tmp_path):
    paths = [tmp_path / f"{i}.png" for i in range(4)]
    for i, path in enumerate(paths):
        Image.new("RGB", (32, 64), (60 * i, 10, 10)).save(path)
    return [(str(path), i // 2, i % 2) for i, path in enumerate(paths)]


def test_fastreids_loaders_work_without_a_gpu(images):
    cfg = tiny_config("SOLVER.IMS_PER_BATCH", 4, "DATALOADER.NUM_INSTANCE", 2, "DATALOADER.NUM_WORKERS", 0)
    train_set = CommDataset(images, build_transforms(cfg, is_train=True))
    loader = fastreid.data.build.build_reid_train_loader(cfg, train_set=train_set)
    batch = next(iter(loader))
    assert batch["images"].shape == (4, 3, 64, 32)
    assert sorted(batch["targets"].tolist()) == [0, 0, 1, 1]


def test_evaluation_compiles_nothing_and_never_ends_the_process(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError(f"started {args}")

    monkeypatch.setattr(subprocess, "run", refuse)
    evaluator = ReidEvaluator(tiny_config(), num_query=1)
    assert evaluator is not None


@pytest.mark.parametrize("architecture", ["MDPR", "Baseline", "MGN"])
def test_images_are_left_as_they_were(architecture):
    depth = "50x" if architecture == "MGN" else "18x"
    cfg = tiny_config(
        *("MODEL.META_ARCHITECTURE", architecture, "MODEL.BACKBONE.DEPTH", depth),
        *("MODEL.BACKBONE.FEAT_DIM", 2048 if architecture == "MGN" else 512),
        *("INPUT.SIZE_TRAIN", [96, 32], "INPUT.SIZE_TEST", [96, 32]),
        *("MODEL.HEADS.EMBEDDING_DIM", 256 if architecture == "MGN" else 0),
    )
    model = build_model(cfg).eval()
    images = torch.randint(0, 256, (2, 3, 96, 32)).float()
    kept = images.clone()
    with torch.no_grad():
        first, second = model({"images": images}), model({"images": images})
    assert torch.equal(images, kept)
    assert torch.equal(first, second)


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_tensors_of_images_are_fastreids(mode):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 5, 3), np.uint8)
    image = Image.fromarray(pixels).convert(mode)
    ours = image_to_tensor(image)
    assert torch.equal(ours, fastreids_to_tensor(image).float())
    assert ours.dtype == torch.float32


def test_loading_an_image_warns_of_nothing(images, recwarn):
    CommDataset(images, build_transforms(tiny_config(), is_train=False))[0]
    assert [str(w.message) for w in recwarn] == []


def test_cuhk03_protocol_returns_three_values():
    """Two gallery images of each of two people; every query's match is nearest."""
    distances = np.array([[0.1, 0.2, 0.8, 0.9], [0.7, 0.6, 0.1, 0.2]])
    people, cameras = np.array([1, 1, 2, 2]), np.array([1, 1, 1, 1])
    cmc, precisions, penalties = evaluate_rank(
        distances, np.array([1, 2]), people, np.array([0, 0]), cameras, use_metric_cuhk03=True
    )
    assert cmc.tolist() == [1, 1, 1, 1]
    assert list(precisions) == [1, 1]
    assert list(penalties) == [1, 1]
