"""From a run, or the authors' release, to a model file, by the command line as a user would."""

import json

import numpy as np
import pytest
import torch
from mdpr.checkpoint.official import to_official_state_dict
from mdpr.cli.main import main
from mdpr.engine.network import build_network
from mdpr.inference.embedder import Embedder
from mdpr.inference.model_file import read_model_file, write_model_file
from support.configs import tiny_config

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 90, 50, 3)).astype(np.uint8)
RESULTS = {"SynthPersons": {"mAP": 88.46, "Rank-1": 96.3}}


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return build_network(tiny_config()).eval()


@pytest.fixture(scope="module")
def run(make_folder, network):
    folder = make_folder("run")
    (folder / "config.yaml").write_text(tiny_config("DATASETS.NAMES", ("SynthPersons",)).dump())
    torch.save({"model": network.state_dict()}, folder / "model_final.pth")
    (folder / "last_checkpoint").write_text("model_final.pth")
    (folder / "results.json").write_text(json.dumps(RESULTS))
    return folder


def test_a_run_becomes_a_file_that_describes_itself(run, network, tmp_path, capsys):
    target = tmp_path / "model.safetensors"
    assert main(["pack", str(run), str(target), "--licence", "MIT", "--description", "A test."]) == 0
    assert "Wrote" in capsys.readouterr().out
    found, run_itself = Embedder.from_file(target), Embedder(run)
    np.testing.assert_allclose(found(IMAGES), run_itself(IMAGES), atol=1e-5)
    np.testing.assert_array_equal(run_itself(IMAGES), Embedder(network)(IMAGES))
    assert found.dimension == 144
    content = read_model_file(target).metadata
    assert content["metrics"] == RESULTS
    assert content["training_data"] == {"names": ["SynthPersons"], "identities": 4}
    assert content["layout"][-1] == {"name": "fusion", "start": 80, "stop": 144}
    assert str(run) not in content["config"]

    assert main(["describe", str(target), "--verify"]) == 0
    text = capsys.readouterr().out
    for expected in ("MIT", "A test.", "64 x 32", "Rank-1 96.30", "hard_part_1    32..47", "Calibration"):
        assert expected in text
    assert main(["describe", str(target), "--format", "markdown"]) == 0
    assert capsys.readouterr().out.startswith("# model.safetensors\n\n## Model\n")
    assert main(["describe", str(target), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["preprocessing"]["size"] == [64, 32]

    assert main(["pack", str(run), str(target)]) == 1
    assert "exists: choose another name, or replace it with --force" in capsys.readouterr().err
    assert main(["pack", str(run), str(target), "--force", "--weights", str(run / "model_final.pth")]) == 0
    assert read_model_file(target).metadata["metrics"] == {}  # of other weights, as far as anyone knows


def test_the_slices_are_those_of_the_heads(run, network, tmp_path):
    main(["pack", str(run), str(tmp_path / "model.safetensors")])
    embedder = Embedder.from_file(tmp_path / "model.safetensors")
    pixels = torch.stack([embedder.prepare(image) for image in IMAGES])
    with torch.inference_mode():
        maps, _ = network.feature_maps((pixels - network.pixel_mean) / network.pixel_std)
        expected = {name: network.heads[name](x).numpy() for name, x in maps.items()}
    features = embedder.features(pixels)
    for part in embedder.file.metadata["layout"]:
        found = features[:, part["start"] : part["stop"]]
        np.testing.assert_allclose(found, expected[part["name"]], rtol=1e-3, atol=1e-4)


def test_weights_of_the_authors_release(network, tmp_path, capsys):
    torch.save({"model": to_official_state_dict(network.state_dict())}, tmp_path / "official.pth")
    target = tmp_path / "model.safetensors"
    size = ["INPUT.SIZE_TEST", "[64, 32]"]
    assert main(["pack", str(tmp_path / "official.pth"), str(target), *size]) == 0
    np.testing.assert_allclose(Embedder(target)(IMAGES), Embedder(network)(IMAGES), atol=1e-5)
    assert main(["pack", str(tmp_path / "official.pth"), str(tmp_path / "paper.safetensors")]) == 0
    content = read_model_file(tmp_path / "paper.safetensors").metadata
    assert content["preprocessing"]["size"] == [384, 192]
    assert content["training_data"] == {"names": [], "identities": 4}  # whose, the weights do not tell
    assert "not stated, 4 identities" in capsys.readouterr().out


def test_other_architectures_travel_as_they_are(tmp_path):
    cfg = tiny_config("MODEL.META_ARCHITECTURE", "Baseline", "MODEL.HEADS.NAME", "EmbeddingHead")
    baseline = build_network(cfg).eval()
    (tmp_path / "config.yaml").write_text(cfg.dump())
    torch.save({"model": baseline.state_dict()}, tmp_path / "weights.pth")
    target = tmp_path / "model.safetensors"
    source = [str(tmp_path / "weights.pth"), str(target), "--config", str(tmp_path / "config.yaml")]
    assert main(["pack", *source]) == 0
    np.testing.assert_array_equal(Embedder(target)(IMAGES), Embedder((cfg, baseline))(IMAGES))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{run}", "{tmp}/model.pt"], "expected a name that ends in .safetensors"),
        (["{tmp}", "{tmp}/model.safetensors"], "is not the folder of a run: it has no config.yaml"),
        (["{tmp}/no.pth", "{tmp}/model.safetensors"], "no weight file at"),
    ],
)
def test_what_cannot_be_packed_is_said(run, tmp_path, capsys, arguments, message):
    filled = [argument.format(run=run, tmp=tmp_path) for argument in arguments]
    assert main(["pack", *filled]) == 1
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_weights_that_do_not_fit_are_named(run, tmp_path, capsys):
    target = tmp_path / "model.safetensors"
    main(["pack", str(run), str(target)])
    file = read_model_file(target)
    weights, content = file.weights(), dict(file.metadata)
    weights["network.heads.fusion.scale"] = torch.zeros(65)
    write_model_file(target, weights, content)
    with pytest.raises(ValueError, match=r"network.heads.fusion.scale is \(65,\) in the file and \(64,\)"):
        Embedder(target)
