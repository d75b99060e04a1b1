"""``mdpr attention`` and the picture of ``mdpr compare``, by the command line and figure by figure."""

import json
import sys

import numpy as np
import pytest
import torch
from mdpr.cli.main import main
from mdpr.engine.network import build_network
from mdpr.inference.embedder import Embedder
from mdpr.inference.packing import pack
from mdpr.inference.sources import from_config
from mdpr.visualization.drawing import maps_figure, match_figure
from mdpr.visualization.maps import ImageMaps
from mdpr.visualization.match import Share
from PIL import Image
from support.configs import tiny_config

HEADS = ["hard_global", "hard_part_0", "hard_part_1", "attn_feature4", "attn_feature3", "fusion"]


@pytest.fixture(scope="module")
def embedder(make_folder):
    torch.manual_seed(0)
    path = make_folder("model") / "model.safetensors"
    pack(from_config(tiny_config(), build_network(tiny_config()).eval()), path)
    return Embedder.from_file(path, "cpu")


@pytest.fixture
def model(embedder, monkeypatch):
    """The name of a model file, which is read once for all commands."""
    monkeypatch.setattr(Embedder, "from_file", {str(embedder.file.path): embedder}.__getitem__)
    return str(embedder.file.path)


@pytest.fixture(scope="module")
def images(make_folder):
    folder, random = make_folder("images"), np.random.default_rng(0)
    paths = [folder / "$a$_1.jpg", folder / "b.png", folder / "other" / "b.jpg"]
    paths[2].parent.mkdir()
    for path in paths:
        Image.fromarray(random.integers(0, 256, (60, 30, 3)).astype(np.uint8)).save(path)
    return [str(path) for path in paths]


def failing(capsys, *line):
    assert main([str(part) for part in line]) == 1
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    return message


def test_one_picture_or_one_for_each(model, images, tmp_path, capsys):
    sheet, folder = tmp_path / "sheet.png", tmp_path / "new" / "folder"
    assert main(["attention", *images[1:], "--model", model, "--out", str(sheet)]) == 0
    assert main(["attention", *images[:2], "--activations", "--model", model, "--out", str(folder)]) == 0
    assert capsys.readouterr().out == f"Wrote {sheet}\nWrote {folder}\n"
    assert sorted(path.name for path in folder.iterdir()) == ["$a$_1.png", "b.png"]
    for path in (sheet, *folder.iterdir()):
        with Image.open(path) as picture:
            assert picture.format == "PNG"
            assert min(picture.size) > 100


def test_nothing_is_lost_and_what_cannot_be_written_is_one_line(model, images, tmp_path, capsys):
    picture, common = tmp_path / "b.png", ("--model", model, "--out")
    picture.write_bytes(b"kept")
    for out in (picture, tmp_path):
        assert "b.png exists: choose another" in failing(capsys, "attention", images[1], *common, out)
    assert "one name" in failing(capsys, "attention", *images, *common, tmp_path, "--force")
    assert "ends in .png" in failing(capsys, "attention", images[0], *common, tmp_path / "a.jpg")
    assert "expected 20 at most" in failing(capsys, "attention", *images * 7, *common, tmp_path / "a.png")
    assert "cannot be read" in failing(capsys, "attention", "no.jpg", *common, tmp_path / "a.png")
    assert [path.name for path in tmp_path.iterdir()] == ["b.png"]
    assert picture.read_bytes() == b"kept"
    assert main(["attention", images[1], *map(str, common), str(tmp_path), "--force"]) == 0
    assert picture.read_bytes() != b"kept"


def test_the_parts_of_a_match(embedder, model, images, tmp_path, capsys):
    line = ["compare", *images[:2], "--model", model]
    picture = tmp_path / "match.png"
    assert main([*line, "--parts"]) == 0
    table = capsys.readouterr().out
    assert [row.split()[0] for row in table.splitlines()[-7:]] == [*HEADS, "sum"]
    assert main([*line, "--picture", str(picture), "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    one, two = embedder(images[:2]).astype(float)
    assert sum(part["share"] for part in values["parts"]) == pytest.approx(one @ two, abs=1e-6)
    assert [part["name"] for part in values["parts"]] == HEADS
    with Image.open(picture) as drawn:
        assert drawn.format == "PNG"
    assert "exists" in failing(capsys, *line, "--picture", picture)
    assert main(line) == 0
    assert "fusion" not in capsys.readouterr().out


def test_without_matplotlib_one_line_says_what_to_install(model, images, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    message = failing(capsys, "attention", images[0], "--model", model, "--out", tmp_path / "a.png")
    assert message.endswith("pip install 'mdpr[pictures]'\n")
    assert main(["compare", *images[:2], "--model", model, "--parts"]) == 0  # a table needs none


def image_maps(name, highest):
    stripes = tuple(np.full((rows, 3), highest * rows / 4, np.float32) for rows in (2, 2, 1))
    maps = {"whole": (np.full((5, 3), highest, np.float32),), "stripes": stripes}
    return ImageMaps(name, np.zeros((50, 30, 3), np.uint8), 1.5, maps, (0.4, 0.8))


def test_a_figure_has_one_scale_and_every_map_in_its_place():
    figure = maps_figure([image_maps("$a$.jpg", 1.0), image_maps("b" * 80 + ".jpg", 2.0)], "strength")
    *panels, bar = figure.axes
    assert [axes.get_title() for axes in panels[:3]] == ["input", "whole", "stripes"]
    assert bar.get_ylabel() == "strength"
    assert len(panels) == 6
    for axes in panels:
        assert axes.get_aspect() == 1.5
        assert [line.get_ydata()[0] for line in axes.lines] == pytest.approx([19.5, 39.5])
        assert axes.get_ylim() == (49.5, -0.5)
    assert {
        overlay.get_clim() for axes in panels if axes.get_title() != "input" for overlay in axes.images[1:]
    } == {(0, 2)}
    extents = [overlay.get_extent()[2:] for overlay in panels[2].images[1:]]
    assert np.allclose(extents, [(19.5, -0.5), (39.5, 19.5), (49.5, 39.5)])
    assert panels[0].get_ylabel() == "$a$.jpg"
    assert panels[3].get_ylabel().startswith("…b")
    figure.canvas.draw()  # "$" is no formula
    top = maps_figure([image_maps("", 0.5)], "attention", 1.0).axes[1].images[1]
    assert top.get_clim() == (0, 1)


def test_bars_are_the_shares_within_the_weights():
    shares = [Share("a", 0.5, 0.6, 0.3), Share("b", -0.5, 0.4, -0.2)]
    pictures = [Image.new("RGB", (20, 50)), Image.new("RGB", (60, 30))]
    axes = match_figure(shares, pictures, ["a.jpg", "b.jpg"]).axes[2]
    outlines, bars = ([bar.get_width() for bar in bars] for bars in axes.containers)
    assert outlines == [0.6, 0.4]
    assert bars == [0.3, -0.2]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["a", "b"]
    assert [text.get_text().strip() for text in axes.texts] == ["+0.300", "-0.200"]
    assert axes.get_title(loc="left") == "similarity 0.100"
