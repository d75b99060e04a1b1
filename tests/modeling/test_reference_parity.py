"""Agreement with the authors' release, term by term, on weights and images made from names."""

from itertools import chain

import numpy as np
import pytest
import torch
from fastreid.modeling.meta_arch import build_model
from fastreid.utils.events import EventStorage
from mdpr.checkpoint import convert_official_state_dict, to_official_state_dict
from mdpr.engine.network import build_network
from mdpr_doctor import reference
from support.configs import config

VALUE_TOLERANCE = 1e-4
NORM_TOLERANCE = 1e-3


@pytest.fixture(scope="module", params=reference.RUNS)
def run(request):
    return reference.run(request.param)


@pytest.fixture(params=[False, True], ids=["as the paper has it", "accelerated"])
def accelerated(request):
    return request.param


@pytest.fixture
def model(run, accelerated):
    cfg = config("Base-MDPR.yml", *chain(*reference.options(run).items()))
    model = build_network(cfg) if accelerated else build_model(cfg)
    weights = convert_official_state_dict(reference.state_dict(run["state_dict_shapes"]))
    model.load_state_dict(weights, strict=True)
    return model


def test_eval_features(run, model):
    model.eval()
    with torch.no_grad():
        features = model(reference.batch(run)).numpy()
    expected = run["eval_features"]
    assert features.shape == expected.shape
    error = np.abs(features - expected).max() / np.abs(expected).max()
    assert error < VALUE_TOLERANCE
    np.testing.assert_allclose(features, expected, rtol=VALUE_TOLERANCE, atol=VALUE_TOLERANCE)


def test_losses(run, model):
    model.train()
    with EventStorage():
        losses = model(reference.batch(run))
    assert set(losses) == set(run["losses"])
    for name, expected in run["losses"].items():
        assert losses[name].item() == pytest.approx(expected, rel=VALUE_TOLERANCE), name
    total = sum(losses.values())
    assert total.item() == pytest.approx(run["total_loss"], rel=VALUE_TOLERANCE)

    means = to_official_state_dict(model.state_dict())
    for name, expected in run["running_mean_norms_after_step"].items():
        assert means[name].norm().item() == pytest.approx(expected, rel=NORM_TOLERANCE), name


def test_gradient_norms(run, model):
    """In float64: in float32 a single ReLU close to zero may open or close with the number of threads."""
    model.double().train()
    with EventStorage():
        sum(model(reference.batch(run)).values()).backward()
    gradients = to_official_state_dict(
        {n: torch.zeros(0) if p.grad is None else p.grad for n, p in model.named_parameters()}
    )
    assert set(gradients) == set(run["grad_norms"])
    for name, expected in run["grad_norms"].items():
        if expected is None:  # frozen
            assert gradients[name].numel() == 0, name
        else:
            norm = gradients[name].norm().item()
            assert norm == pytest.approx(expected, rel=NORM_TOLERANCE, abs=1e-6), name
