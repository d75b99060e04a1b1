"""``mdpr benchmark-inference``: which ways to run a model there are, and that each is timed."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from mdpr.cli.main import main
from mdpr.deployment import DeployedMDPR
from mdpr.engine.network import build_network
from mdpr.inference import timing
from mdpr.inference.embedder import Embedder
from mdpr.kernels.convolution import ProductConvolution
from support.configs import ONE_BRANCH, tiny_config


@pytest.fixture(scope="module")
def run(make_folder):
    folder, cfg = make_folder("run"), tiny_config(*ONE_BRANCH)
    (folder / "config.yaml").write_text(cfg.dump())
    torch.save({"model": build_network(cfg).state_dict()}, folder / "model_final.pth")
    (folder / "last_checkpoint").write_text("model_final.pth")
    return folder


def test_every_way_is_timed(run, tmp_path, monkeypatch, capsys):
    """In this process, and without the minutes that a compiler and the exports take."""
    written = []

    def in_this_process(form, _, batches, seconds):
        return timing._measure(form, str(run), batches, seconds)

    monkeypatch.setattr(timing, "_alone", in_this_process)
    monkeypatch.setattr(timing, "write", lambda _, path, form, images: written.append((path.suffix, form)))
    monkeypatch.setattr(timing, "compiled_or_not", lambda function, **_: function)
    monkeypatch.setattr(timing, "cpu_computes_in_bfloat16", lambda: False)
    options = ["--batches", "1", "3", "--seconds", "0", "--json", str(tmp_path / "figures.json")]
    assert main(["benchmark-inference", str(run), *options]) == 0
    figures = json.loads((tmp_path / "figures.json").read_text())
    exported = ["onnx fp32", "onnx int8", "openvino fp32", "openvino int8"]
    assert [one["form"] for one in figures] == ["plain", "deployed fp32", "compiled fp32", *exported]
    assert [suffix for suffix, _ in written] == [".onnx", ".onnx", ".xml", ".xml"]
    assert all(one["milliseconds"]["3"] > 0 and one["start"] > 0 for one in figures)
    assert "ms/image of 3" in capsys.readouterr().out


def test_forms_are_what_they_say(run):
    def has_kernels(embedder):
        return any(isinstance(part, ProductConvolution) for part in embedder.network.modules())

    plain, deployed = (timing._embedder(form, str(run)) for form in ("plain", "deployed fp32"))
    assert has_kernels(Embedder(run))
    assert not has_kernels(plain)
    assert isinstance(deployed.network, DeployedMDPR)
    image = torch.zeros(1, 3, 64, 32)
    torch.testing.assert_close(
        torch.from_numpy(plain.features(image)),
        torch.from_numpy(deployed.features(image)),
        rtol=1e-3,
        atol=1e-4,
    )


def test_a_way_that_fails_does_not_end_the_others(monkeypatch):
    def fails(*_):
        raise RuntimeError("node.cpp:794:\ninput shapes mismatch\n\n")

    monkeypatch.setattr(timing, "ProcessPoolExecutor", lambda workers, _: ThreadPoolExecutor(workers))
    monkeypatch.setattr(timing, "_measure", fails)
    found = timing._alone("openvino int8", "model.xml", (1, 8), 0.0)
    assert found.failure == "RuntimeError: input shapes mismatch"
    assert not found.milliseconds
