"""Called with what torchreid's own extractor takes, the adapter returns what that does: a row an image."""

import numpy as np
import pytest
import torch
from mdpr.inference.adapters import torchreid as adapter
from PIL import Image
from support.embedders import ColourEmbedder
from support.peers import peer

EMBEDDER = ColourEmbedder()
IMAGE = np.random.default_rng(0).integers(0, 256, (60, 30, 3), np.uint8)


@pytest.fixture(scope="module")
def theirs(make_folder):
    torchreid = peer("torchreid.reid.utils")
    network = peer("torchreid.reid.models").build_model("osnet_x0_25", num_classes=1, pretrained=False)
    weights = make_folder("torchreid") / "osnet.pth"
    torch.save(network.state_dict(), weights)
    return torchreid.FeatureExtractor("osnet_x0_25", str(weights), device="cpu", verbose=False)


def test_takes_what_theirs_takes(theirs, tmp_path):
    path = str(tmp_path / "person.png")
    Image.fromarray(IMAGE).save(path)
    for given in (IMAGE, path, [IMAGE], [path, IMAGE]):
        expected, features = theirs(given), adapter.wrap(EMBEDDER)(given)
        assert isinstance(features, torch.Tensor) and features.dtype == expected.dtype
        assert features.device == expected.device and len(features) == len(expected)
        np.testing.assert_array_equal(features, EMBEDDER([IMAGE] * len(expected)))


def test_features_go_into_their_distances():
    features = adapter.wrap(EMBEDDER)([IMAGE, IMAGE[::-1], 255 - IMAGE])
    distances = peer("torchreid.reid.metrics").compute_distance_matrix(features, features, "cosine").numpy()
    np.testing.assert_allclose(distances, 1 - features @ features.T, atol=1e-6)
