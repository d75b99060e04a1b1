"""The deployed form makes the features of the network it was made from."""

import copy
import logging

import pytest
import torch
from fastreid.modeling.meta_arch import build_model
from fastreid.utils.events import EventStorage
from mdpr.deployment import compilation, deploy
from support.configs import tiny_config
from torch._dynamo.exc import TorchDynamoException

ONE_BRANCH = ("MODEL.MDPR.FUSION", False, "MODEL.MDPR.DISTILLATION", False)
HIGHER = ("INPUT.SIZE_TRAIN", [96, 32], "INPUT.SIZE_TEST", [96, 32])
IBN = ("MODEL.BACKBONE.WITH_IBN", True)
CASES = {
    "full": (),
    "IBN": IBN,
    "no fusion": ("MODEL.MDPR.FUSION", False),
    "no fusion, stride 2": ("MODEL.MDPR.FUSION", False, "MODEL.BACKBONE.LAST_STRIDE", 2),
    "no guidance": ("MODEL.MDPR.GUIDED_ATTENTION", False),
    "hard only": ("MODEL.MDPR.SOFT_BRANCH", False, *ONE_BRANCH),
    "soft only": ("MODEL.MDPR.HARD_BRANCH", False, *ONE_BRANCH),
    "soft only with IBN": ("MODEL.MDPR.HARD_BRANCH", False, *ONE_BRANCH, *IBN),
    "one part, one map": ("MODEL.MDPR.NUM_PARTS", 1, "MODEL.MDPR.NUM_ATTENTIONS", 1),
    "three parts, three maps": (*HIGHER, "MODEL.MDPR.NUM_PARTS", 3, "MODEL.MDPR.NUM_ATTENTIONS", 3),
    "three parts, IBN": (*HIGHER, "MODEL.MDPR.NUM_PARTS", 3, *IBN),
    "stage 3 alone": ("MODEL.MDPR.SOFT_STAGES", [3], "MODEL.MDPR.GUIDED_ATTENTION", False),
    "syncBN": ("MODEL.BACKBONE.NORM", "syncBN", "MODEL.HEADS.NORM", "syncBN"),
}


def images(cfg, count=4):
    return torch.randint(0, 256, (count, 3, *cfg.INPUT.SIZE_TEST)).float()


def trained(cfg):
    """A network whose norms have seen images, with scales, shifts and exponents of their own."""
    model = build_model(cfg).train()
    for name, parameter in model.named_parameters():
        if name.endswith(".p") or parameter.dim() == 1:
            parameter.data += 0.2 * torch.randn_like(parameter)
    with EventStorage(), torch.no_grad():
        for _ in range(3):
            model({"images": images(cfg), "targets": torch.arange(4) // 2})
    return model.eval()


@pytest.mark.parametrize("case", CASES)
def test_features_are_those_of_the_network(case):
    cfg = tiny_config(*CASES[case])
    model, pixels = trained(cfg), images(cfg)
    with torch.no_grad():
        expected = model(pixels)
    before = copy.deepcopy(model.state_dict())

    features = deploy(model)(pixels)
    assert features.dtype == torch.float32
    assert (features - expected).abs().max() <= 1e-4 * expected.abs().max()
    assert torch.cosine_similarity(features, expected).min() >= 0.99999
    assert expected.std(dim=0).mean() > 0.01  # the images are told apart

    half = deploy(model, dtype=torch.bfloat16)(pixels)
    assert half.dtype == torch.float32
    assert torch.cosine_similarity(half, expected).min() >= 0.999
    assert not torch.equal(half, features)  # it was computed in another type

    assert model.state_dict().keys() == before.keys()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    with torch.no_grad():
        assert torch.equal(model(pixels), expected)


class TestDeployed:
    def deployed(self, *options, **arguments):
        return deploy(trained(tiny_config(*options)), **arguments)

    def test_takes_what_the_network_takes(self):
        model = trained(tiny_config())
        deployed, pixels = deploy(model), images(tiny_config())
        kept = pixels.clone()
        features = deployed(pixels)
        assert torch.equal(pixels, kept)
        assert torch.equal(deployed({"images": pixels, "targets": None}), features)
        assert torch.equal(deployed(pixels.to(torch.uint8)), features)
        torch.testing.assert_close(deployed(pixels[:1]), features[:1], rtol=1e-4, atol=1e-4)
        with pytest.raises(KeyError, match="no 'images'"):
            deployed({"pictures": pixels})

    def test_no_norm_and_nothing_of_training_is_left(self):
        deployed = self.deployed()
        kinds = {type(part).__name__ for part in deployed.modules()}
        assert not any("Norm" in kind or "Softmax" in kind for kind in kinds)
        names = " ".join(name for name, _ in deployed.named_parameters())
        assert not any(word in names for word in ("attention", "pooling", "bap", "distillation"))
        kernels = [tuple(p.shape[2:]) for n, p in deployed.network.fusion.named_parameters() if p.dim() == 4]
        assert kernels == [(3, 3)] * 4

    def test_stays_in_eval_mode_and_keeps_no_graph(self):
        deployed = self.deployed().train()
        assert not any(part.training for part in deployed.modules())
        assert not deployed(images(tiny_config())).requires_grad
        assert not any(p.requires_grad for p in deployed.parameters())

    @pytest.mark.parametrize("options", [(), ("MODEL.MDPR.GUIDED_ATTENTION", False)], ids=str)
    def test_attention(self, options):
        cfg = tiny_config(*options)
        model, pixels = trained(cfg), images(cfg)
        branch = model.soft_branch
        with torch.no_grad():
            shared = model.backbone((pixels - model.pixel_mean) / model.pixel_std)
            expected = branch.attention(*branch.stages(shared))
        deployed = deploy(model, attention=True)
        torch.testing.assert_close(deployed.attention(pixels), expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(deployed(pixels), deploy(model)(pixels))

    @pytest.mark.parametrize(
        ("options", "arguments"),
        [((), {}), (("MODEL.MDPR.SOFT_BRANCH", False, *ONE_BRANCH), {"attention": True})],
    )
    def test_attention_that_was_left_out(self, options, arguments):
        with pytest.raises(ValueError, match=r"deploy\(model, attention=True\)"):
            self.deployed(*options, **arguments).attention(images(tiny_config()))

    def test_other_types_are_refused(self):
        with pytest.raises(ValueError, match=r"torch.float16: .* torch.float32 or torch.bfloat16"):
            self.deployed(dtype=torch.float16)

    def test_compiled_calls_reach_the_compiler(self, monkeypatch):
        calls = []

        def compile_(function, options):
            assert options == {"freezing": True}
            return lambda x: calls.append(x.shape) or function(x)

        monkeypatch.setattr(torch, "compile", compile_)
        model, pixels = trained(tiny_config()), images(tiny_config())
        assert torch.equal(deploy(model, compile=True)(pixels), deploy(model)(pixels))
        assert calls == [(4, 3, 64, 32)]

    def test_without_a_compiler_it_runs_as_it_is(self, monkeypatch, caplog):
        def compile_(function, options):
            def fail(x):
                raise TorchDynamoException("No C++ compiler\nwith\ndetails")

            return fail

        monkeypatch.setattr(torch, "compile", compile_)
        model, pixels = trained(tiny_config()), images(tiny_config())
        deployed = deploy(model, compile=True)
        with caplog.at_level(logging.WARNING, logger=compilation.__name__):
            assert torch.equal(deployed(pixels), deploy(model)(pixels))
            deployed(pixels)
        messages = [r.getMessage() for r in caplog.records if r.name == compilation.__name__]
        assert messages == ["Cannot compile the network, it runs as it is: No C++ compiler"]
