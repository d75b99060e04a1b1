"""Embeddings against those of an evaluation, bit by bit, and what an embedder takes."""

from concurrent.futures import ThreadPoolExecutor

import mdpr
import numpy as np
import pytest
import torch
from mdpr.deployment import deploy
from mdpr.engine.network import build_network
from mdpr.engine.trainer import Trainer
from mdpr.errors import ConfigError, InputError
from mdpr.evaluation import load_features
from mdpr.inference.embedder import Embedder
from PIL import Image
from support.configs import tiny_config
from support.miniatures import Shape, make_duke

ARCHITECTURES = {
    "MDPR": (),
    "Baseline": ("MODEL.META_ARCHITECTURE", "Baseline", "MODEL.HEADS.NAME", "EmbeddingHead"),
    "MGN": (
        *("INPUT.SIZE_TEST", [96, 32]),
        *("MODEL.META_ARCHITECTURE", "MGN", "MODEL.HEADS.NAME", "EmbeddingHead"),
        *("MODEL.HEADS.EMBEDDING_DIM", 16, "MODEL.BACKBONE.FEAT_DIM", 2048, "MODEL.BACKBONE.DEPTH", "50x"),
    ),
}


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return build_network(tiny_config()).eval()


@pytest.fixture(scope="module")
def embedder(network):
    return Embedder((tiny_config(), network), batch_size=4)


@pytest.fixture(scope="module")
def images():
    pixels = np.random.default_rng(0).integers(0, 256, (7, 90, 50, 3)).astype(np.uint8)
    return [Image.fromarray(image) for image in pixels]


@pytest.fixture(scope="module")
def duke(make_folder):
    root = make_folder("datasets")
    make_duke(root, Shape(test_identities=2, images=3))
    return root


@pytest.mark.parametrize(
    ("architecture", "options"),
    [
        ("MDPR", ()),
        ("MDPR", ("TEST.MDPR.DEPLOY", "fp32", "TEST.FLIP.ENABLED", True)),
        ("Baseline", ("TEST.FLIP.ENABLED", True)),
        ("MGN", ()),
    ],
)
def test_features_are_those_of_an_evaluation_to_the_bit(duke, tmp_path, monkeypatch, architecture, options):
    monkeypatch.setenv("FASTREID_DATASETS", str(duke))
    cfg = tiny_config(
        *("TEST.MDPR.SAVE_FEATURES", True, "TEST.IMS_PER_BATCH", 8, "DATASETS.TESTS", ("DukeMTMC",)),
        *("DATALOADER.NUM_WORKERS", 0, "OUTPUT_DIR", str(tmp_path)),
        *ARCHITECTURES[architecture],
        *options,
    )
    model = Trainer.build_model(cfg)
    Trainer.test(cfg, model)
    expected = load_features(tmp_path / "DukeMTMC_features.npz").features
    folder = duke / "DukeMTMC-reID"
    paths = [*sorted((folder / "query").iterdir()), *sorted((folder / "bounding_box_test").iterdir())]
    found = Embedder((cfg, model), batch_size=8)(paths, normalize=False)
    np.testing.assert_array_equal(found, expected)


def test_rows_have_length_one(embedder, images):
    plain = embedder(images, normalize=False)
    assert plain.dtype == np.float32
    assert plain.shape == (7, embedder.dimension)
    rows = [row / np.sqrt((row.astype(np.float64) ** 2).sum()) for row in plain]
    np.testing.assert_allclose(embedder(images), rows, rtol=1e-6)


def test_images_may_be_mixed_and_read_as_they_come(embedder, images, tmp_path):
    images[1].save(tmp_path / "one.png")
    array = np.asarray(images[2])
    tensor = torch.tensor(np.asarray(images[3])).permute(2, 0, 1)
    mixed = [images[0], tmp_path / "one.png", array, tensor, *images[4:]]
    expected = embedder(images)
    np.testing.assert_array_equal(embedder(iter(mixed)), expected)
    np.testing.assert_array_equal(embedder(np.stack([np.asarray(image) for image in images])), expected)
    np.testing.assert_array_equal(np.concatenate(list(embedder.batches(images))), expected)
    flipped = [np.asarray(image)[:, :, ::-1] for image in images]
    np.testing.assert_array_equal(embedder(flipped, color="bgr"), expected)
    assert [len(batch) for batch in embedder.batches(images)] == [4, 3]


def test_no_more_than_a_batch_is_read_ahead(embedder, images):
    read = []

    def source():
        for image in images:
            read.append(image)
            yield image

    next(embedder.batches(source()))
    assert len(read) == 4


def test_one_image_and_none(embedder, images):
    assert embedder(images[0]).shape == (1, embedder.dimension)
    assert embedder([]).shape == embedder(images[0], boxes=[]).shape == (0, embedder.dimension)


def test_boxes_are_the_crops_of_a_frame(embedder, images):
    frame = np.asarray(images[0])
    boxes = np.array([[0, 0, 20, 40], [10.2, 5.4, 45, 80], [-5, -5, 30, 200]])
    crops = [frame[:40, :20], frame[5:80, 10:45], frame[:, :30]]
    np.testing.assert_array_equal(embedder(frame, boxes=boxes), embedder(crops))
    np.testing.assert_array_equal(embedder(frame[:, :, ::-1], boxes=boxes, color="bgr"), embedder(crops))
    with pytest.raises(InputError, match="boxes belong to one image"):
        embedder(images, boxes=boxes)


def test_threads_share_an_embedder(embedder, images):
    expected = embedder(images)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: embedder(images), range(8)):
            np.testing.assert_array_equal(found, expected)


def test_a_network_alone_knows_the_size_of_its_images(network, embedder, images):
    np.testing.assert_array_equal(Embedder(network, batch_size=4)(images), embedder(images))
    with pytest.raises(InputError, match="give it with its config"):
        Embedder(torch.nn.Identity())


def test_the_users_network_is_left_as_it_is(network):
    network.train()
    try:
        Embedder(network)
        assert network.training
    finally:
        network.eval()


def test_bfloat16_is_the_deployed_form_in_it(network, images):
    half = Embedder(network, precision="bf16", batch_size=8)
    pixels = torch.stack([half.prepare(image) for image in images])
    expected = deploy(network, dtype=torch.bfloat16)(pixels)
    np.testing.assert_array_equal(half(images, normalize=False), expected.numpy())


def test_fingerprints_tell_what_cannot_be_compared(network, embedder):
    same = Embedder(network)
    assert same.fingerprint == embedder.fingerprint
    others = [
        Embedder(network, precision="bf16"),
        Embedder((tiny_config("INPUT.SIZE_TEST", [96, 32]), network)),
        Embedder(build_network(tiny_config("MODEL.MDPR.NUM_ATTENTIONS", 3))),
    ]
    assert len({same.fingerprint, *(other.fingerprint for other in others)}) == 4


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"precision": "fp16"}, InputError, "precision is 'fp16': expected one of fp32, bf16"),
        ({"batch_size": 0}, InputError, "batch_size is 0: expected 1 or more"),
        ({"device": "gpu"}, ConfigError, "device is 'gpu': expected 'cpu', 'cuda'"),
    ],
)
def test_options_that_cannot_be_used_are_named(network, options, error, message):
    with pytest.raises(error, match=message):
        Embedder(network, **options)


def test_what_is_wrong_is_said_with_its_place(embedder, images):
    with pytest.raises(InputError, match="image 2: an image is an array"):
        embedder([*images[:2], np.zeros((3, 3))])
    with pytest.raises(InputError, match="color is 'hsv'"):
        embedder(images, color="hsv")


def test_the_package_has_it():
    assert mdpr.Embedder is Embedder
    with pytest.raises(AttributeError, match="has no attribute 'Embeder'"):
        mdpr.Embeder  # noqa: B018
