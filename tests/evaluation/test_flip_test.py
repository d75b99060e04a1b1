"""The flip test: the mean of an image's features and its mirror image's, as fast-reid defines it."""

import copy

import pytest
import torch
from fastreid.evaluation import inference_on_dataset
from fastreid.evaluation.evaluator import DatasetEvaluator
from fastreid.modeling.meta_arch import build_model
from support.configs import tiny_config


class Collector(DatasetEvaluator):
    def reset(self):
        self.features = []

    def process(self, inputs, outputs):
        self.features.append(outputs)

    def evaluate(self):
        return torch.cat(self.features)


class Batches(list):
    """A loader of two batches."""

    def __init__(self, images):
        super().__init__({"images": part.clone()} for part in images.split(2))
        self.dataset = images


@pytest.fixture(params=["MDPR", "Baseline", "MGN"])
def model(request):
    mgn = request.param == "MGN"
    cfg = tiny_config(
        *("MODEL.META_ARCHITECTURE", request.param, "MODEL.HEADS.EMBEDDING_DIM", 256 * mgn),
        *("MODEL.BACKBONE.DEPTH", "50x" if mgn else "18x"),
        *("MODEL.BACKBONE.FEAT_DIM", 2048 if mgn else 512),
        *("INPUT.SIZE_TRAIN", [96, 32], "INPUT.SIZE_TEST", [96, 32]),
    )
    return build_model(cfg).eval()


@pytest.fixture
def images():
    """Pictures that are not their own mirror image."""
    return torch.randint(0, 256, (3, 3, 96, 32)).float()


def expected_features(model, images):
    """From pixels that are normalised here, by a model that leaves pixels as they are."""
    normalised = (images - model.pixel_mean.view(1, 3, 1, 1)) / model.pixel_std.view(1, 3, 1, 1)
    model = copy.deepcopy(model)
    model.pixel_mean.zero_()
    model.pixel_std.fill_(1)
    with torch.no_grad():
        mirrored = torch.from_numpy(normalised.numpy()[..., ::-1].copy())
        return (model(normalised) + model(mirrored)) / 2


def test_mean_of_both_sides(model, images):
    features = inference_on_dataset(model, Batches(images), Collector(), flip_test=True)
    torch.testing.assert_close(features, expected_features(model, images), rtol=1e-4, atol=1e-4)
    with torch.no_grad():
        assert not torch.allclose(features, model(images), rtol=1e-2, atol=1e-2)


class ChangesItsInput(torch.nn.Module):
    """Leaves the batch with normalised pixels, as fast-reid's architectures do unmended."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, inputs):
        features = self.model(inputs)
        mean, std = self.model.pixel_mean.view(1, 3, 1, 1), self.model.pixel_std.view(1, 3, 1, 1)
        inputs["images"].sub_(mean).div_(std)
        return features


def test_pixels_normalised_twice_would_be_seen(model, images):
    changing = ChangesItsInput(model).eval()
    features = inference_on_dataset(changing, Batches(images), Collector(), flip_test=True)
    expected = expected_features(model, images)
    assert not torch.allclose(features, expected, rtol=1e-2, atol=1e-2)
