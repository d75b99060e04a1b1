"""docs/method.md names what there is: every key, every loss, and only files that exist."""

import re

import pytest
import torch
from fastreid.modeling.meta_arch import build_model
from fastreid.utils.events import EventStorage
from support.configs import ROOT, config, tiny_config

PAGE = ROOT / "docs/method.md"
TEXT = PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("key", sorted(config().MODEL.MDPR))
def test_every_key_of_the_method_is_explained(key):
    assert re.search(rf"`(MODEL\.MDPR\.)?{key}\b", TEXT)


@pytest.mark.parametrize("key", sorted(set(re.findall(r"MODEL\.[A-Z0-9_.]*[A-Z0-9]", TEXT))))
def test_every_key_named_is_there(key):
    node = config()
    for part in key.split("."):
        assert part in node
        node = node[part]


def test_every_loss_is_named():
    batch = {"images": torch.zeros(4, 3, 64, 32), "targets": torch.arange(4) // 2}
    with EventStorage():
        losses = build_model(tiny_config()).train()(batch)
    names = [re.sub(r"part_\d", "part_<i>", name.removeprefix("loss_")) for name in losses]
    for name in names:
        assert f"`{name}`" in TEXT or f"`{name.removesuffix('_triplet')}_cls`" in TEXT, name


def test_every_file_named_is_there():
    package = ROOT / "projects/MDPR/mdpr"
    named = re.findall(r"`((?:[\w-]+/)*[\w-]+(?:\.py|\.yml|/))`", TEXT)
    linked = re.findall(r"\]\(([^):]+)\)", TEXT)
    assert len(named) > 10
    assert len(linked) > 2
    missing = [name for name in named if not any((base / name).exists() for base in (package, ROOT))]
    missing += [link for link in linked if not (PAGE.parent / link).exists()]
    assert missing == []
