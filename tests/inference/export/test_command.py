"""``mdpr export`` as a user has it: the file, what others read in it, and what stops it."""

import json
import sys
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from mdpr.cli.main import main
from mdpr.engine.network import build_network
from mdpr.errors import ExportError
from mdpr.inference.compression import Compression
from mdpr.inference.embedder import Embedder
from mdpr.inference.export.check import Agreement, compare
from mdpr.inference.export.conventions import CONVENTIONS
from mdpr.inference.export.graph import Graph
from mdpr.inference.export.quantization import quantize_onnx
from mdpr.inference.export.runtime import open_graph
from mdpr.inference.export.writers import write_onnx
from mdpr.inference.packing import pack
from mdpr.inference.sources import from_config
from PIL import Image
from support.configs import ONE_BRANCH, tiny_config
from torchvision.transforms.functional import normalize

onnx_installed = pytest.mark.skipif(
    not all(find_spec(name) for name in ("onnxscript", "onnxruntime")),
    reason="the extra `export` is not installed",
)
"""Some tests need it, as the formats of PyTorch and of SafeTensors need nothing."""
IMAGES = np.random.default_rng(0).integers(0, 256, (16, 64, 32, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def folder(make_folder):
    folder = make_folder("export")
    cfg = tiny_config(*ONE_BRANCH)
    pack(from_config(cfg, build_network(cfg).eval()), folder / "model.safetensors", licence="MIT")
    for index, image in enumerate(IMAGES):
        split, camera = ("query", "a") if index % 4 == 0 else ("gallery", "b")
        path = folder / "set" / split / str(index // 4) / camera / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return folder


@pytest.fixture(scope="module")
def model(folder):
    return Embedder.from_file(folder / "model.safetensors")


def export(folder, name, *options):
    form = {"onnx": "onnx", "xml": "openvino", "pt2": "torch-export", "safetensors": "safetensors"}
    to = form[name.rpartition(".")[2]]
    out = str(folder / name)
    return main(["export", str(folder / "model.safetensors"), "--to", to, "--out", out, *options])


@pytest.fixture(scope="module")
def onnx_file(folder):
    assert export(folder, "model.onnx", "--input", "imagenet", "--images", str(folder / "set")) == 0
    return folder / "model.onnx"


@onnx_installed
def test_an_onnx_file_is_an_embedder(onnx_file, model):
    exported = Embedder.from_file(onnx_file)
    np.testing.assert_allclose(exported(IMAGES), model(IMAGES), atol=1e-5)
    assert exported.dimension == model.dimension
    assert exported.fingerprint == f"{model.fingerprint}-onnx-fp32"
    assert exported.device.type == "cpu"


@onnx_installed
def test_whoever_normalises_by_imagenet_gets_the_same(onnx_file, model):
    import onnxruntime  # noqa: PLC0415

    session = onnxruntime.InferenceSession(onnx_file, providers=["CPUExecutionProvider"])
    pixels = torch.from_numpy(IMAGES).permute(0, 3, 1, 2) / 255
    pixels = normalize(pixels, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    found = session.run(None, {"images": pixels.numpy()})[0]
    expected = model(IMAGES, normalize=False)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    said = session.get_modelmeta().custom_metadata_map
    size = {"height": "64", "width": "32", "color": "rgb", "dimension": "32"}
    assert {**size, "input": "imagenet", "licence": "MIT"}.items() <= said.items()
    assert json.loads(said["layout"])[-1]["name"] == "attn_feature3"


@onnx_installed
def test_int8_keeps_directions_and_what_the_file_says(onnx_file, model, tmp_path):
    pixels = torch.stack([model.prepare(image) for image in IMAGES])
    quantize_onnx(onnx_file, tmp_path / "int8.onnx", CONVENTIONS["imagenet"].of(pixels).numpy())
    found = Embedder.from_file(tmp_path / "int8.onnx")
    assert (found(IMAGES) * model(IMAGES)).sum(1).min() > 0.95
    assert (tmp_path / "int8.onnx").stat().st_size < 0.4 * onnx_file.stat().st_size
    assert found.dimension == 32


@onnx_installed
def test_openvino(folder, model):
    for name in ("openvino", "nncf"):
        pytest.importorskip(name, reason="the extra `openvino` is not installed")
    options = ("--input", "1", "--precision", "int8", "--images", str(folder / "set"))
    assert export(folder, "model.xml", *options) == 0
    found = Embedder.from_file(folder / "model.xml")
    assert (found(IMAGES) * model(IMAGES)).sum(1).min() > 0.95
    assert found.fingerprint == f"{model.fingerprint}-openvino-int8"


def test_formats_that_need_nothing_else(folder, model, capsys):
    labelled = ("--images", str(folder / "set"), "--evaluate", str(folder / "set"))
    assert export(folder, "model.pt2", "--input", "1", *labelled) == 0
    assert "0..1, as Ultralytics feeds" in (said := capsys.readouterr().out)
    assert "mAP" in said
    np.testing.assert_allclose(Embedder.from_file(folder / "model.pt2")(IMAGES), model(IMAGES), atol=1e-5)
    assert export(folder, "half.safetensors", "--precision", "fp16") == 0
    assert "on drawn people, as --images names none" in capsys.readouterr().out
    found = Embedder.from_file(folder / "half.safetensors")
    np.testing.assert_allclose(found(IMAGES), model(IMAGES), atol=1e-3)
    assert (folder / "half.safetensors").stat().st_size < 0.6 * (folder / "model.safetensors").stat().st_size

    before = (folder / "model.pt2").read_bytes()
    assert export(folder, "model.pt2") == 1
    assert "exists: choose another name, or replace it with --force" in capsys.readouterr().err
    assert (folder / "model.pt2").read_bytes() == before


def test_a_file_that_differs_is_not_kept(folder, monkeypatch, capsys):
    monkeypatch.setattr(Graph, "forward", lambda self, images: self.network(images.flip(1)))  # BGR
    (folder / "empty").mkdir()
    assert export(folder, "empty/model.pt2") == 1
    assert "does not compute what the model does: largest difference" in capsys.readouterr().err
    assert not list((folder / "empty").iterdir())


def test_a_file_that_does_not_run_on_several_images_is_told(model):
    def of_one(images):
        if len(images) > 1:  # as graphs that a tool has fixed to the one image that it saw
            raise RuntimeError("input shapes mismatch")
        return model(images)

    with pytest.raises(ExportError, match="does not run on 8 images at a time: input shapes mismatch"):
        compare(model, of_one, list(IMAGES), None)


class Corner(torch.nn.Module):
    pixel_mean, pixel_std = torch.full((1, 3, 1, 1), 100.0), torch.full((1, 3, 1, 1), 50.0)

    def forward(self, images):
        return ((images - self.pixel_mean) / self.pixel_std)[:, :, 0, 0]


def test_the_mirror_image_is_in_the_graph():
    images = torch.from_numpy(IMAGES).permute(0, 3, 1, 2).float()
    for convention in CONVENTIONS.values():
        found = Graph(Corner(), (64, 32), convention, flips=True)(convention.of(images))
        expected = ((images[:, :, 0, 0] + images[:, :, 0, -1]) / 2 - 100) / 50
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-3)


@onnx_installed
def test_a_compression_is_in_the_graph(model, tmp_path):
    compression = Compression(torch.rand(3), torch.rand(3, 2))
    graph = Graph(Corner(), (64, 32), CONVENTIONS["1"], flips=False, compression=compression)
    form = {"format": "onnx", "input": "1", "precision": "fp32"}
    write_onnx(graph, tmp_path / "short.onnx", {**model.file.metadata, "export": form})
    images = torch.from_numpy(IMAGES).permute(0, 3, 1, 2).float()
    found = open_graph(tmp_path / "short.onnx")[0]({"images": images})
    torch.testing.assert_close(found, compression(Corner()(images)), rtol=1e-4, atol=1e-4)


def test_precisions_have_their_tolerance():
    Agreement(1e-6, 0.999999, (80.0, 79.95)).require("fp32")
    Agreement(0.3, 0.97, (80.0, 79.1)).require("int8")
    for worse in (Agreement(1e-3, 0.999999), Agreement(0, 0.9), Agreement(np.nan, np.nan)):
        with pytest.raises(ExportError, match="fp32 is allowed"):
            worse.require("fp32")
    with pytest.raises(ExportError, match=r"mAP 80\.00 of the model and 78\.90 of the file"):
        Agreement(0.1, 0.99, (80.0, 78.9)).require("int8")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("a.onnx", ["--precision", "int8"], "INT8 needs images of the kind it is to see"),
        ("a.onnx", ["--precision", "bf16"], "no bfloat16 convolutions on CPUs: choose fp16"),
        ("a.pt2", ["--precision", "int8", "--images", "b"], "INT8 is for onnx and openvino"),
        ("a.safetensors", ["--input", "1"], "holds weights, not a graph"),
    ],
)
def test_what_cannot_be_is_one_line(folder, name, options, message, capsys):
    assert export(folder, name, *options) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not list(folder.glob("a.*"))


def test_a_missing_package_is_named(folder, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert export(folder, "a.onnx") == 1
    assert "pip install 'mdpr[export]'" in capsys.readouterr().err
