"""A PCA in a model file, and what embeddings are kept as: against scikit-learn, and bit by bit."""

import math

import numpy as np
import pytest
import safetensors.torch
import torch
from mdpr.cli.main import main
from mdpr.engine.network import build_network
from mdpr.errors import CheckpointError, InputError
from mdpr.inference.compression import Compression, compress, fit, read_features
from mdpr.inference.embedder import Embedder
from mdpr.inference.model_file import read_model_file
from mdpr.inference.packing import pack
from mdpr.inference.sources import from_config
from mdpr.inference.stored_form import bytes_of, decode, encode
from sklearn.decomposition import PCA
from support.configs import ONE_BRANCH, tiny_config

GENERATOR = np.random.default_rng(0)
IMAGES = GENERATOR.integers(0, 256, (3, 90, 50, 3)).astype(np.uint8)
D = 32  # of the soft branch alone
NESTED = ("MODEL.MDPR.NESTED_DIMS", [4, 12])


@pytest.fixture(scope="module")
def config_and_network():
    torch.manual_seed(0)
    cfg = tiny_config(*ONE_BRANCH, *NESTED)
    return cfg, build_network(cfg).eval()


@pytest.fixture(scope="module")
def model(make_folder, config_and_network):
    path = make_folder("model") / "model.safetensors"
    pack(from_config(*config_and_network), path, metrics={"SynthPersons": {"mAP": 88.0}})
    return path


@pytest.fixture(scope="module")
def features(make_folder):
    mixing = GENERATOR.normal(size=(D, D))
    values = (GENERATOR.normal(size=(60, D)) @ mixing).astype(np.float32)
    path = make_folder("features") / "train.npz"
    np.savez(path, features=values.astype(np.float16))
    return path


def sklearn_of(features, dimensions):
    values = np.load(features)["features"].astype(np.float64)
    rows = values / np.linalg.norm(values, axis=1, keepdims=True)
    return PCA(dimensions, whiten=True, svd_solver="full").fit(rows)


def test_a_model_file_gets_a_pca(model, features, tmp_path, capsys):
    target = tmp_path / "short.safetensors"
    command = ["compress", str(features), "--dims", "10", "--model", str(model), "--int8"]
    command += ["--whitening", "1"]
    assert main([*command, "--out", str(target)]) == 0
    assert "10 numbers, 10 bytes an embedding as int8" in capsys.readouterr().out

    whole, short = Embedder(model), Embedder(target)
    rows = whole(IMAGES).astype(np.float64)
    expected = sklearn_of(features, 10).transform(rows)
    found = short(IMAGES, normalize=False)
    signs = np.sign((found * expected).sum(axis=0))  # of components, which are free
    np.testing.assert_allclose(found * signs, expected, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(short(IMAGES), axis=1), 1, rtol=1e-5)
    assert (whole.dimension, short.dimension) == (D, 10)
    assert short.fingerprint not in (whole.fingerprint, None)
    content = read_model_file(target).metadata
    assert content["compression"]["fitted_on"] == {"file": "train.npz", "images": 60}
    assert content["compression"]["stored_as"] == "int8"
    assert (content["metrics"], content["calibration"]) == ({}, None)
    read_model_file(target).verify()

    first = Embedder(target, dimensions=4)
    cut = found[:, :4] / np.linalg.norm(found[:, :4], axis=1, keepdims=True)
    np.testing.assert_allclose(first(IMAGES), cut, rtol=1e-5, atol=1e-6)
    assert first.dimension == 4
    assert first.fingerprint == f"{short.fingerprint}-4"
    assert main(["describe", str(target)]) == 0
    assert "compressed" in capsys.readouterr().out

    again = ["compress", str(features), "--dims", "5", "--model", str(target), "--force"]
    assert main(again) == 1
    assert "compressed already" in capsys.readouterr().err


def test_nothing_is_overwritten_unasked(model, features, tmp_path, capsys):
    copy = tmp_path / "model.safetensors"
    copy.write_bytes(model.read_bytes())
    command = ["compress", str(features), "--dims", "4", "--model", str(copy)]
    assert main(command) == 1
    assert "choose another name with --out, or replace it with --force" in capsys.readouterr().err
    assert copy.read_bytes() == model.read_bytes()
    assert main([*command, "--force"]) == 0
    assert Embedder(copy).dimension == 4


def test_the_pca_alone(features, tmp_path, capsys):
    target = tmp_path / "pca.safetensors"
    assert main(["compress", str(features), "--dims", "4"]) == 1
    assert "--out" in capsys.readouterr().err
    assert main(["compress", str(features), "--dims", "4", "--out", str(target)]) == 0
    tensors = safetensors.torch.load_file(target)
    rows = torch.randn(3, D)
    short = Compression(tensors["compression.mean"], tensors["compression.projection"])(rows)
    expected = fit(np.load(features)["features"].astype(np.float32), 4)(rows)
    torch.testing.assert_close(short, expected)


@pytest.mark.parametrize(
    ("values", "dims", "words"),
    [
        (np.ones((60, 8), np.float32), 4, "features of 8 numbers"),
        (np.ones((5, D), np.float32), 5, "expected 1 to 4"),
        (np.ones((60, D), np.float32), 0, "expected 1 to 32"),
        (np.full((60, D), np.nan, np.float32), 4, "features"),
        (np.ones((60, D), np.float32), 4, "vary in 0 dimensions only"),
        (np.ones((60, D), np.int64), 4, "floating-point values"),
    ],
)
def test_features_that_cannot_be_used(values, dims, words, model, tmp_path):
    np.savez(tmp_path / "train.npz", features=values)
    with pytest.raises((InputError, TypeError, ValueError), match=words):
        compress(tmp_path / "train.npz", dims, tmp_path / "out.safetensors", model=model)
    assert not (tmp_path / "out.safetensors").exists()


def test_a_damaged_model_is_not_vouched_for(model, features, tmp_path):
    content = bytearray(model.read_bytes())
    content[-1] ^= 1
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(content)
    out = str(tmp_path / "out.safetensors")
    assert main(["compress", str(features), "--dims", "4", "--model", str(damaged), "--out", out]) == 1
    with pytest.raises(CheckpointError, match="is not what was written"):
        read_model_file(damaged).verify()


def test_the_first_numbers_of_a_trained_short_form(config_and_network, tmp_path):
    cfg, network = config_and_network
    cfg = cfg.clone()
    cfg.TEST.MDPR.NESTED_DIM = 12
    nested = build_network(cfg).eval()
    nested.load_state_dict(network.state_dict())
    longest, cut = Embedder((cfg, nested)), Embedder((cfg, nested), dimensions=4)
    rows = longest(IMAGES, normalize=False)[:, :4]
    np.testing.assert_allclose(cut(IMAGES), rows / np.linalg.norm(rows, axis=1, keepdims=True), atol=1e-6)
    assert Embedder(nested, dimensions=4).dimension == 4  # knows by itself what it is

    pack(from_config(cfg, nested), tmp_path / "nested.safetensors")
    packed = Embedder(tmp_path / "nested.safetensors")
    np.testing.assert_allclose(packed(IMAGES), longest(IMAGES), atol=1e-5)
    assert packed.file.metadata["layout"] == [{"name": "nested", "start": 0, "stop": 12}]
    for source, dimensions in ((network, 4), (nested, 13), (nested, 0)):
        with pytest.raises(InputError, match=f"dimensions is {dimensions}: expected"):
            Embedder(source, dimensions=dimensions)


def test_bits_and_bytes():
    rows = GENERATOR.normal(size=(5, 11)).astype(np.float32)
    bits = encode(rows, "binary")
    assert bits.shape == (5, 2)
    whole_numbers = encode(rows, "int8")
    for row, packed, codes in zip(rows, bits, whole_numbers, strict=True):
        text = "".join("1" if value > 0 else "0" for value in row) + "00000"
        assert packed.tolist() == [int(text[:8], 2), int(text[8:], 2)]
        largest = max(abs(value) for value in row)
        assert codes.tolist() == [round(float(value / largest) * 127) for value in row]
    decoded = decode(bits, "binary", 11)
    for i in range(5):
        for j in range(5):
            differ = sum((a > 0) != (b > 0) for a, b in zip(rows[i], rows[j], strict=True))
            assert math.isclose(decoded[i] @ decoded[j], 1 - 2 * differ / 11, abs_tol=1e-6)


@pytest.mark.parametrize(
    ("form", "bytes_each", "off"), [("float32", 44, 1e-6), ("float16", 22, 1e-3), ("int8", 11, 1e-2)]
)
def test_forms_that_keep_the_direction(form, bytes_each, off):
    rows = GENERATOR.normal(size=(5, 11)).astype(np.float32)
    found = decode(encode(3 * rows, form), form, 11)
    expected = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=off)
    assert bytes_of(form, 11) == bytes_each
    assert not encode(np.zeros((1, 11), np.float32), form).any()


def test_a_form_that_is_none():
    for use in (lambda: encode(np.zeros((1, 2)), "int4"), lambda: decode(np.zeros((1, 2)), "int4", 2)):
        with pytest.raises(InputError, match="form is 'int4': expected one of float32"):
            use()


@pytest.mark.parametrize("whitening", [0.0, 0.5])
def test_whitening_in_part_leaves_so_much_of_the_deviations(features, whitening):
    values = read_features(features)
    deviations = np.sqrt(sklearn_of(features, 6).explained_variance_)
    short = fit(values, 6, whitening)(torch.from_numpy(values)).numpy()
    np.testing.assert_allclose(short.std(axis=0, ddof=1), deviations ** (1 - whitening), rtol=1e-3)
    np.testing.assert_allclose(np.corrcoef(short.T), np.eye(6), atol=1e-3)
    with pytest.raises(InputError, match="whitening is 2: expected 0, for none, to 1"):
        fit(values, 6, 2)
