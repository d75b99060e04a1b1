"""The graphs of every switch, plain and deployed, at sizes of batches they were not traced with."""

import json

import numpy as np
import pytest
import torch
from mdpr.deployment import deploy
from mdpr.engine.network import build_network
from mdpr.inference.export.conventions import CONVENTIONS
from mdpr.inference.export.graph import Graph
from mdpr.inference.export.writers import write_onnx, write_torch
from support.configs import tiny_config

SWITCHES = {
    "both branches": ("MODEL.BACKBONE.WITH_IBN", True),
    "hard branch": (
        *("MODEL.MDPR.SOFT_BRANCH", False, "MODEL.MDPR.FUSION", False, "MODEL.MDPR.DISTILLATION", False),
        *("MODEL.MDPR.NUM_PARTS", 4, "TEST.MDPR.FEATURES", ["hard_part_3", "hard_global"]),
    ),
    "soft branch at one stage": (
        *("MODEL.MDPR.HARD_BRANCH", False, "MODEL.MDPR.FUSION", False, "MODEL.MDPR.DISTILLATION", False),
        *("MODEL.MDPR.NUM_ATTENTIONS", 3, "MODEL.MDPR.GUIDED_ATTENTION", False),
        *("MODEL.MDPR.SOFT_STAGES", [3]),
        *("MODEL.BACKBONE.WITH_SE", True, "MODEL.HEADS.POOL_LAYER", "GlobalAvgPool"),
    ),
}
METADATA = {
    "preprocessing": {"size": [64, 32]},
    "export": {"format": "onnx", "input": "255", "precision": "fp32"},
    **{"dimension": 0, "layout": [], "fingerprint": "", "licence": None},
}


@pytest.fixture(scope="module", params=SWITCHES.values(), ids=SWITCHES)
def network(request):
    """With one residual block a stage: every kind of layer, in half the time."""
    network = build_network(tiny_config(*request.param)).eval()
    for name, part in list(network.named_modules()):
        if name.rpartition(".")[2].startswith("layer"):
            del part[1:]
    for name, statistics in network.named_buffers():
        if "running" in name:
            statistics.uniform_(0.5, 1.5)
    return network


@pytest.fixture(scope="module")
def images():
    return 255 * torch.rand(7, 3, 64, 32)


@pytest.fixture(scope="module")
def expected(network, images):
    with torch.inference_mode():
        return network(images).numpy()


def same(found, expected):
    limit = 1e-4 * np.abs(expected).max()
    np.testing.assert_allclose(found, expected[: len(found)], rtol=1e-4, atol=limit)


def test_a_plain_network_in_onnx(network, images, expected, tmp_path):
    pytest.importorskip("onnxscript", reason="the extra `export` is not installed")
    onnxruntime = pytest.importorskip("onnxruntime", reason="the extra `export` is not installed")
    write_onnx(Graph(network, (64, 32), CONVENTIONS["255"], flips=False), tmp_path / "plain.onnx", METADATA)
    session = onnxruntime.InferenceSession(tmp_path / "plain.onnx", providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].shape == ["batch", 3, 64, 32]
    for batch in (1, 7):
        same(session.run(["embeddings"], {"images": images[:batch].numpy()})[0], expected)
    assert json.loads(session.get_modelmeta().custom_metadata_map["mdpr"]) == METADATA


def test_a_deployed_network_keeps_its_convolutions(network, images, expected, tmp_path):
    graph = Graph(deploy(network), (64, 32), CONVENTIONS["255"], flips=False)
    write_torch(graph, tmp_path / "deployed.pt2", METADATA)
    program = torch.export.load(tmp_path / "deployed.pt2")
    operators = {str(node.target) for node in program.graph.nodes}
    assert "aten.conv2d.default" in operators
    assert not {name for name in operators if "unfold" in name or "im2col" in name or "bmm" in name}
    for batch in (1, 7):
        with torch.inference_mode():
            same(program.module()(images[:batch]).numpy(), expected)
