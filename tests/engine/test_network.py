"""Evaluation of the deployed form, by a config key."""

import pytest
import torch
from mdpr.deployment import DeployedMDPR
from mdpr.engine.network import check_deploy_config, evaluated_form
from mdpr.engine.trainer import Trainer
from mdpr.errors import ConfigError
from mdpr.evaluation import load_features
from support.configs import tiny_config
from support.miniatures import make_duke


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("fp16",), r"TEST\.MDPR\.DEPLOY is 'fp16': expected one of fp32, bf16, or ''"),
        (("bf16", "MODEL.META_ARCHITECTURE", "Baseline"), "only MDPR has a deployed form"),
    ],
)
def test_what_cannot_be_deployed_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        check_deploy_config(tiny_config("TEST.MDPR.DEPLOY", *options))


@pytest.mark.parametrize(("form", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_form_is_the_one_asked_for(form, dtype):
    cfg = tiny_config("TEST.MDPR.DEPLOY", form)
    deployed = evaluated_form(cfg, Trainer.build_model(cfg))
    assert isinstance(deployed, DeployedMDPR)
    assert deployed.dtype == dtype
    model = torch.nn.Identity()
    assert evaluated_form(tiny_config(), model) is model


def test_features_are_those_of_the_deployed_network(tmp_path, monkeypatch):
    make_duke(tmp_path / "datasets")
    monkeypatch.setenv("FASTREID_DATASETS", str(tmp_path / "datasets"))
    model, features, scores = None, [], []
    for form in ("", "fp32", "bf16"):
        cfg = tiny_config(
            *("TEST.MDPR.DEPLOY", form, "TEST.MDPR.SAVE_FEATURES", True, "TEST.FLIP.ENABLED", True),
            *("DATASETS.TESTS", ("DukeMTMC",), "DATALOADER.NUM_WORKERS", 0),
            *("OUTPUT_DIR", str(tmp_path / f"run {form}")),
        )
        model = model or Trainer.build_model(cfg)
        scores.append(Trainer.test(cfg, model)["mAP"])
        saved = load_features(tmp_path / f"run {form}/DukeMTMC_features.npz")
        features.append(torch.from_numpy(saved.features))
    trained, deployed, half = features
    assert scores[1] == pytest.approx(scores[0], abs=0.01)
    assert torch.cosine_similarity(deployed, trained).min() >= 0.99999
    assert torch.cosine_similarity(half, trained).min() >= 0.999
    assert not torch.allclose(half, deployed, rtol=1e-4, atol=0)
