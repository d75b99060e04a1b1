"""Maps of a model file are those of the network that it was made from."""

import numpy as np
import pytest
import torch
from mdpr.engine.network import build_network
from mdpr.errors import InputError
from mdpr.inference.embedder import Embedder
from mdpr.inference.packing import pack
from mdpr.inference.sources import from_config
from mdpr.modeling.preprocessing import normalize_pixels
from mdpr.visualization.maps import maps_of
from support.configs import ONE_BRANCH, tiny_config

SIZES = ("INPUT.SIZE_TRAIN", [80, 32], "INPUT.SIZE_TEST", [80, 32])  # 5 rows: stripes of 2, 2 and 1
FULL = (*SIZES, "MODEL.MDPR.NUM_PARTS", 3, "MODEL.MDPR.NUM_ATTENTIONS", 3)
HARD = (*SIZES, "MODEL.MDPR.SOFT_BRANCH", False, *ONE_BRANCH[2:])
SOFT = (*SIZES, *ONE_BRANCH)
IMAGE = np.random.default_rng(0).integers(0, 256, (90, 50, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def folder(make_folder):
    return make_folder("models")


def made(folder, *options):
    """A network and the embedder of its file."""
    cfg = tiny_config(*options)
    network = build_network(cfg).eval()
    path = folder / f"{len(list(folder.iterdir()))}.safetensors"
    pack(from_config(cfg, network), path)
    return network, Embedder.from_file(path, "cpu")


@pytest.fixture(scope="module")
def full(folder):
    torch.manual_seed(0)
    return made(folder, *FULL)


def prepared(network, embedder):
    return normalize_pixels(embedder.prepare(IMAGE)[None], network.pixel_mean, network.pixel_std)


def test_attention_and_background_are_the_softmax_over_all_maps(full):
    network, embedder = full
    logits = {}
    attention = network.soft_branch.attention
    for stage in "43":
        part = getattr(attention, f"logits{stage}")
        part.register_forward_hook(lambda _, __, output, stage=stage: logits.update({stage: output[0]}))
    with torch.no_grad():
        attention(*network.soft_branch.stages(network.backbone(prepared(network, embedder))))

    found = maps_of(embedder, IMAGE)
    names = [f"A{stage} {name}" for stage in "43" for name in ("map 1", "map 2", "map 3", "background")]
    assert list(found.maps) == names
    expected = [each for stage in "43" for each in logits[stage].softmax(dim=0)]
    for (name, (band,)), values in zip(found.maps.items(), expected, strict=True):
        np.testing.assert_allclose(band, values, atol=1e-5, err_msg=name)
    assert len({band.tobytes() for (band,) in found.maps.values()}) == len(names)


def test_activations_are_the_root_mean_square_of_each_map(full):
    network, embedder = full
    with torch.no_grad():
        maps, _ = network.feature_maps(prepared(network, embedder))
    found = maps_of(embedder, IMAGE, activations=True).maps
    assert list(found) == ["hard_global", "hard_parts", "attn_feature4", "attn_feature3", "fusion"]
    bands = [band for bands in found.values() for band in bands]
    for band, (name, values) in zip(bands, maps.items(), strict=True):
        rows, columns = band.shape
        expected = [
            [float((values[0, :, y, x].double() ** 2).mean() ** 0.5) for x in range(columns)]
            for y in range(rows)
        ]
        np.testing.assert_allclose(band, expected, rtol=1e-3, atol=1e-5, err_msg=name)
    assert [len(band) for band in found["hard_parts"]] == [2, 2, 1]


@pytest.mark.parametrize("activations", [False, True])
def test_an_image_has_its_proportions_and_its_stripes(full, activations, tmp_path):
    _, embedder = full
    found = maps_of(embedder, IMAGE, activations=activations)
    height, width, _ = found.pixels.shape
    assert (height, width) == (80, 32)
    assert height * found.pixel_aspect / width == pytest.approx(90 / 50)
    assert found.borders == pytest.approx((2 / 5, 4 / 5))
    assert found.name == ""
    np.testing.assert_allclose(found.pixels, embedder.prepare(IMAGE).permute(1, 2, 0), atol=0.51)


def test_without_a_branch_the_other_one_has_its_maps(folder):
    _, hard = made(folder, *HARD)
    with pytest.raises(InputError, match="SOFT_BRANCH is False: no attention to draw, but --activations"):
        maps_of(hard, IMAGE)
    assert list(maps_of(hard, IMAGE, activations=True).maps) == ["hard_global", "hard_parts"]
    _, soft = made(folder, *SOFT)
    assert list(maps_of(soft, IMAGE, activations=True).maps) == ["attn_feature4", "attn_feature3"]
    assert maps_of(soft, IMAGE).borders == ()


def test_what_is_of_no_model_file_is_refused(full):
    with pytest.raises(InputError, match="mdpr pack"):
        maps_of(Embedder(full[0], "cpu"), IMAGE)
