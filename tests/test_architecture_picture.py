"""The picture of the architecture: its numbers, its file, and that the shipped one is up to date."""

from dataclasses import replace
from xml.etree import ElementTree

import matplotlib as mpl
import pytest
import torch
from fastreid.modeling.meta_arch import build_model
from mdpr.errors import ConfigError
from mdpr.visualization.architecture import ArchitectureNumbers, draw_architecture
from support.configs import ROOT, config, tiny_config

SHIPPED = ROOT / "docs/architecture.svg"
NUMBERS = ArchitectureNumbers.from_config(config())


def texts(path):
    """Every text of a picture, which an SVG of outlines keeps as comments; and its description."""
    parser = ElementTree.XMLParser(target=ElementTree.TreeBuilder(insert_comments=True))
    root = ElementTree.parse(path, parser).getroot()
    comments = [part.text.strip() for part in root.iter(ElementTree.Comment)]
    described = root.find(".//{http://purl.org/dc/elements/1.1/}description")
    return [*comments, described.text]


def ids(path):
    return {part.get("id") for part in ElementTree.parse(path).getroot().iter() if part.get("id")}


def test_numbers_of_the_defaults():
    assert NUMBERS.test_feature == {
        **dict.fromkeys(("g", "p_1", "p_2", "s_4", "s_3"), 512),
        "f": 2048,
    }
    assert sum(NUMBERS.test_feature.values()) == 4608
    assert NUMBERS.image == (384, 192)
    assert NUMBERS.feature_map == (24, 12)


@pytest.mark.parametrize("parts", [2, 4])
def test_numbers_are_the_networks(parts):
    cfg = tiny_config("MODEL.MDPR.NUM_PARTS", parts, "MODEL.MDPR.NUM_ATTENTIONS", 3)
    model = build_model(cfg).eval()
    numbers = ArchitectureNumbers.from_config(cfg)
    with torch.no_grad():
        images = torch.zeros(1, 3, *numbers.image)
        maps, _ = model._feature_maps(images)
        assert model(images).shape[1] == sum(numbers.test_feature.values())
    assert maps["hard_global"].shape[2:] == numbers.feature_map
    widths = [x.shape[1] for x in maps.values()]
    assert widths == list(numbers.test_feature.values())  # in this order


@pytest.mark.parametrize(
    ("options", "key"),
    [
        (("MODEL.MDPR.FUSION", False), "FUSION"),
        (("MODEL.MDPR.GUIDED_ATTENTION", False), "GUIDED_ATTENTION"),
        (("MODEL.MDPR.NUM_PARTS", 1), "NUM_PARTS"),
    ],
)
def test_half_a_method_is_refused(options, key):
    with pytest.raises(ConfigError, match=rf"MODEL\.MDPR\.{key}"):
        ArchitectureNumbers.from_config(tiny_config(*options))


def test_picture_is_the_same_every_time_and_under_any_settings(tmp_path):
    first, second = tmp_path / "first.svg", tmp_path / "new folder" / "second.svg"
    draw_architecture(first, NUMBERS)
    settings = {
        "font.family": "serif",
        "text.color": "red",
        "svg.fonttype": "none",
        "axes.grid": True,
    }
    with mpl.rc_context(settings):
        draw_architecture(second, NUMBERS)
        assert mpl.rcParams["text.color"] == "red"
    assert first.read_bytes() == second.read_bytes()


def test_picture_says_what_the_config_says(tmp_path):
    path = tmp_path / "picture.svg"
    draw_architecture(path, replace(NUMBERS, num_parts=3, embedding_dim=64, area_scale=0.25))
    drawn = " ".join(texts(path))
    for label in ("= 640 numbers", "$p_3$  64", "$f$  256", "0.25 · area", "384 by 192 pixels"):
        assert label in drawn
    assert {"map-p_1", "map-p_3", "test-p_2", "test-length", "loss-distillation"} <= ids(path)


def test_picture_can_be_a_png(tmp_path):
    draw_architecture(tmp_path / "picture.png", NUMBERS)
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_other_formats_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"\.svg or \.png"):
        draw_architecture(tmp_path / "picture.jpeg", NUMBERS)


def test_shipped_picture_is_up_to_date(tmp_path):
    """By its texts: the outlines are those of the installed matplotlib."""
    draw_architecture(tmp_path / "picture.svg", NUMBERS)
    assert texts(SHIPPED) == texts(tmp_path / "picture.svg")
    assert SHIPPED.stat().st_size < 300_000
