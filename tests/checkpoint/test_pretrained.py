"""Pretrained backbones: found and matching, or an error; in numbers either way."""

import logging

import pytest
import torch
from fastreid.modeling.backbones import build_backbone
from fastreid.modeling.meta_arch import build_model
from mdpr.checkpoint.pretrained import load_backbone_weights, load_pretrained_backbone
from mdpr.errors import CheckpointError
from support.configs import config, tiny_config
from torch import nn


@pytest.fixture(scope="module")
def imagenet():
    """A ResNet-18's weights with a classifier, as torchvision's files have them."""
    net = build_backbone(tiny_config())
    return {
        **{name: torch.randn_like(t.float()) for name, t in net.state_dict().items()
           if not name.endswith("num_batches_tracked")},
        "fc.weight": torch.randn(1000, 512),
        "fc.bias": torch.randn(1000),
    }  # fmt: skip


def file_of(tmp_path, content):
    path = tmp_path / "backbone.pth"
    torch.save(content, path)
    return path


def pretrained(path, *options):
    return tiny_config(
        *("MODEL.BACKBONE.PRETRAIN", True, "MODEL.BACKBONE.PRETRAIN_PATH", str(path)), *options
    )


PREFIXES = ["", "module.", "encoder_q.", "module.encoder_q.", "backbone.", "base."]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
def test_reaches_the_stem_and_both_branches(tmp_path, imagenet, prefix, wrapper, caplog):
    weights = {prefix + name: t for name, t in imagenet.items()}
    path = file_of(tmp_path, {wrapper: weights, "epoch": 9} if wrapper else weights)
    with caplog.at_level(logging.INFO, logger="mdpr"):
        model = build_model(pretrained(path))
    assert torch.equal(model.backbone.conv1.weight, imagenet["conv1.weight"])
    for branch in (model.hard_branch, model.soft_branch):
        assert torch.equal(branch.layer3[0].conv1.weight, imagenet["layer3.0.conv1.weight"])
        assert torch.equal(branch.layer4[1].bn2.running_var, imagenet["layer4.1.bn2.running_var"])
    (record,) = [r for r in caplog.records if "Pretrained backbone" in r.message]
    assert record.levelno == logging.INFO
    assert "100 matched (100.0% of the backbone), 0 missing, 0 unexpected, 0 wrong shape" in record.message


def test_moco_file_with_two_encoders_and_a_queue(tmp_path, imagenet):
    weights = {f"module.encoder_q.{name}": t for name, t in imagenet.items()}
    weights |= {f"module.encoder_k.{name}": t + 1 for name, t in imagenet.items()}
    weights["module.queue"] = torch.randn(4, 4)
    model = build_model(pretrained(file_of(tmp_path, {"state_dict": weights})))
    assert torch.equal(model.backbone.conv1.weight, imagenet["conv1.weight"])


def test_plain_weights_into_an_ibn_network_warn(tmp_path, imagenet, caplog):
    with caplog.at_level(logging.INFO, logger="mdpr"):
        build_model(pretrained(file_of(tmp_path, imagenet), "MODEL.BACKBONE.WITH_IBN", True))
    (record,) = [r for r in caplog.records if "Pretrained backbone" in r.message]
    assert record.levelno == logging.WARNING
    assert "missing (layer1.0.bn1.BN.bias" in record.message


def test_weights_of_another_network_are_an_error(tmp_path, imagenet):
    foreign = {f"{name}.other": t for name, t in imagenet.items()}
    with pytest.raises(CheckpointError, match=r"does not fit this backbone: 0 matched.*DEPTH"):
        build_model(pretrained(file_of(tmp_path, foreign)))


def test_too_few_matches_change_nothing(imagenet):
    net = build_backbone(tiny_config())
    before = net.conv1.weight.clone()
    with pytest.raises(CheckpointError, match="does not fit"):
        load_backbone_weights(net, {"conv1.weight": imagenet["conv1.weight"]}, "test")
    assert torch.equal(net.conv1.weight, before)


def test_wrong_shapes_are_counted(imagenet, caplog):
    weights = imagenet | {"conv1.weight": torch.randn(64, 1, 7, 7)}
    with caplog.at_level(logging.INFO, logger="mdpr"):
        report = load_backbone_weights(build_backbone(tiny_config()), weights, "test")
    assert report.wrong_shape == ("conv1.weight",)
    assert "1 wrong shape (conv1.weight)" in caplog.text


def test_missing_file_names_the_switch(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file at .*none.pth.*PRETRAIN False"):
        build_model(pretrained(tmp_path / "none.pth"))


def test_missing_luperson_says_where_to_get_it(tmp_path):
    cfg = config("Duke/mdpr_R101_ibn.yml", "MODEL.BACKBONE.PRETRAIN", True)
    with pytest.raises(FileNotFoundError, match=r"lup_moco_r101.pth \(GETTING_STARTED.*Duke"):
        load_pretrained_backbone(nn.Identity(), cfg)


def test_no_file_and_no_network_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))

    def unreachable(*args, **kwargs):
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", unreachable)
    with pytest.raises(FileNotFoundError) as error:
        build_model(pretrained(""))
    message = str(error.value)
    assert "\n" not in message
    assert "resnet18-5c106cde.pth" in message
    assert "no route to host" in message
    assert "MODEL.BACKBONE.PRETRAIN False" in message


def test_file_in_the_cache_is_used(tmp_path, monkeypatch, imagenet):
    (tmp_path / "checkpoints").mkdir()
    torch.save(imagenet, tmp_path / "checkpoints" / "resnet18-5c106cde.pth")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    model = build_model(pretrained(""))
    assert torch.equal(model.backbone.conv1.weight, imagenet["conv1.weight"])


def test_fastreids_baseline_is_checked_too(tmp_path, imagenet):
    path = file_of(tmp_path, {"other.weight": torch.ones(1)})
    with pytest.raises(CheckpointError, match="does not fit"):
        build_model(pretrained(path, "MODEL.META_ARCHITECTURE", "Baseline"))
