"""fast-reid's MGN on shallow backbones; on deep ones it stays as fast-reid builds it."""

import pytest
import torch
from fastreid.modeling.meta_arch import build_model
from fastreid.modeling.meta_arch.mgn import MGN
from fastreid.utils.events import EventStorage
from mdpr.errors import ConfigError
from mdpr.plugs.shallow_mgn import parts_of
from support.configs import tiny_config

CONFIG = (
    *("MODEL.META_ARCHITECTURE", "MGN", "MODEL.HEADS.EMBEDDING_DIM", 8),
    *("INPUT.SIZE_TRAIN", [96, 32], "INPUT.SIZE_TEST", [96, 32]),
)


def test_a_shallow_one_trains_and_tests():
    model = build_model(tiny_config(*CONFIG))
    batch = {"images": torch.rand(4, 3, 96, 32) * 255, "targets": torch.arange(4) // 2}
    with EventStorage():
        losses = model.train()(batch)
    assert len(losses) == 13
    sum(losses.values()).backward()
    assert [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None] == []
    with torch.no_grad():
        assert model.eval()(batch["images"]).shape == (4, 8 * 8)


def test_the_parts_are_fastreids():
    cfg = tiny_config(*CONFIG, "MODEL.BACKBONE.DEPTH", "50x", "MODEL.BACKBONE.FEAT_DIM", 2048)
    with torch.device("meta"):
        theirs, ours = MGN(cfg), MGN(**parts_of(cfg))
    expected = {name: value.shape for name, value in theirs.state_dict().items()}
    assert {name: value.shape for name, value in ours.state_dict().items()} == expected


def test_a_stride_that_the_parts_do_not_have_is_refused():
    with pytest.raises(ConfigError, match=r"LAST_STRIDE is 2: expected 1 for MGN with .*18x"):
        build_model(tiny_config(*CONFIG, "MODEL.BACKBONE.LAST_STRIDE", 2))
