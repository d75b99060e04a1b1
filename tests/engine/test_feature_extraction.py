"""The pass over a test set: fast-reid's features, bit for bit, without ever waiting for a GPU."""

import logging

import pytest
import torch
from fastreid.evaluation import inference_on_dataset
from fastreid.evaluation.evaluator import DatasetEvaluator
from mdpr.engine.feature_extraction import extract_features
from mdpr.engine.network import build_network
from mdpr.evaluation import ReidEvaluator
from support.configs import tiny_config
from support.fake_gpu import CountReadings, on_fake_gpu


class Collector(DatasetEvaluator):
    def reset(self):
        self.features = []

    def process(self, inputs, outputs):
        self.features.append(outputs.clone())

    def evaluate(self):
        return torch.cat(self.features)


class Batches(list):
    """A loader of three batches; its data set is the images."""

    def __init__(self):
        self.dataset = torch.randint(0, 256, (8, 3, 64, 32)).float()
        labels = torch.arange(8)
        super().__init__(
            {"images": images.clone(), "targets": number, "camids": number}
            for images, number in zip(self.dataset.split(3), labels.split(3), strict=True)
        )


@pytest.fixture
def model():
    torch.manual_seed(0)
    return build_network(tiny_config())


def features_of(model, *options):
    collector = Collector()
    torch.manual_seed(1)
    batches = Batches()
    extract_features(tiny_config(*options), model, batches, collector)
    assert torch.equal(torch.cat([batch["images"] for batch in batches]), batches.dataset)
    return collector.evaluate()


@pytest.mark.parametrize("flip", [False, True])
def test_features_are_those_of_fastreids_loop(flip, model):
    torch.manual_seed(1)
    expected = inference_on_dataset(model, Batches(), Collector(), flip_test=flip)
    assert torch.equal(features_of(model, "TEST.FLIP.ENABLED", flip), expected)


def test_bfloat16_is_near(model):
    half, full = features_of(model, "TEST.MDPR.PRECISION", "bf16"), features_of(model)
    assert not torch.equal(half, full)
    assert torch.cosine_similarity(half.float(), full).min() >= 0.99


def test_modules_come_back_in_their_modes(model):
    model.train()
    frozen = model.backbone.layer1.eval()
    modes = [module.training for module in model.modules()]
    features_of(model)
    assert [module.training for module in model.modules()] == modes
    assert not frozen.training

    def fail(inputs, outputs):
        raise KeyError

    collector = Collector()
    collector.process = fail
    with pytest.raises(KeyError):
        extract_features(tiny_config(), model, Batches(), collector)
    assert [module.training for module in model.modules()] == modes


def test_the_log_says_how_fast(model, caplog):
    with caplog.at_level(logging.INFO):
        features_of(model)
    assert "Features of 8 images in " in caplog.text


def test_no_number_is_read_between_batches(model):
    with CountReadings() as counter:
        extract_features(
            tiny_config("TEST.FLIP.ENABLED", True), model, Batches(), ReidEvaluator(tiny_config(), 2)
        )
    assert counter.readings == []


def test_features_and_labels_stay_on_a_gpu(model, monkeypatch):
    waited = []
    monkeypatch.setattr(torch.cuda, "synchronize", waited.append)
    mode = on_fake_gpu(model)
    evaluator = ReidEvaluator(tiny_config(), 2)
    with mode:
        batches = [{key: value.cuda() for key, value in part.items()} for part in Batches()]
        extract_features(tiny_config("MODEL.DEVICE", "cuda"), model, batches, evaluator)
        held = evaluator._features + evaluator._labels
    assert {each.device.type for each in held} == {"cuda"}
    assert [len(each) for each in held] == [3, 3, 2] * 2
    assert waited == [torch.device("cuda")]  # once, for the time in the log
