"""No operation of the model mixes devices, shown without a GPU by tensors that only claim to be on one."""

import pytest
import torch
from fastreid.modeling.meta_arch import build_model
from fastreid.utils.events import EventStorage
from support.configs import tiny_config
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call


def on_fake_gpu(model):
    mode = FakeTensorMode()
    state = model.state_dict(keep_vars=True) | dict(model.named_buffers())
    with mode:
        tensors = {
            name: torch.empty(t.shape, dtype=t.dtype, device="cuda").requires_grad_(t.requires_grad)
            for name, t in state.items()
        }
    return mode, tensors


def fake_batch(mode):
    with mode:
        return {
            # The loader may leave the batch on the host.
            "images": torch.empty(4, 3, 64, 32),
            "targets": torch.empty(4, dtype=torch.int64),
        }


SWITCHES = [
    (),
    ("MODEL.MDPR.GUIDED_ATTENTION", False),
    ("MODEL.MDPR.FUSION", False, "MODEL.BACKBONE.LAST_STRIDE", 2),
    ("MODEL.MDPR.NUM_ATTENTIONS", 1, "MODEL.MDPR.NUM_PARTS", 1),
    ("MODEL.BACKBONE.WITH_IBN", True),
]


@pytest.mark.parametrize("switches", SWITCHES, ids=str)
def test_training_stays_on_the_gpu(switches, monkeypatch):
    # A fake tensor has no value to log.
    monkeypatch.setattr(EventStorage, "put_scalar", lambda *args, **kwargs: None)
    model = build_model(tiny_config(*switches)).train()
    mode, tensors = on_fake_gpu(model)
    with EventStorage(), mode:
        losses = functional_call(model, tensors, (fake_batch(mode),))
        assert {loss.device.type for loss in losses.values()} == {"cuda"}


@pytest.mark.parametrize("switches", SWITCHES, ids=str)
def test_eval_stays_on_the_gpu(switches):
    model = build_model(tiny_config(*switches)).eval()
    mode, tensors = on_fake_gpu(model)
    with mode, torch.no_grad():
        features = functional_call(model, tensors, (fake_batch(mode)["images"],))
    assert features.device.type == "cuda"
    assert features.shape[0] == 4
