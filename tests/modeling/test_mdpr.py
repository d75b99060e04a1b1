"""The whole network under every switch."""

import copy
import io

import pytest
import torch
from fastreid.modeling.heads import REID_HEADS_REGISTRY
from fastreid.modeling.meta_arch import META_ARCH_REGISTRY, build_model
from fastreid.utils.events import EventStorage
from mdpr.modeling.meta_arch import MDPR
from mdpr.modeling.preprocessing import normalize_pixels
from support.configs import tiny_config

E = 16
ONE_BRANCH = ("MODEL.MDPR.FUSION", False, "MODEL.MDPR.DISTILLATION", False)
UNGUIDED = ("MODEL.MDPR.GUIDED_ATTENTION", False)
# switches: width of the test feature over E, and what they take out of the full set of losses
CASES = {
    "full": ((), 9, ()),
    "no guidance": (("MODEL.MDPR.GUIDED_ATTENTION", False), 9, ()),
    "no fusion": (("MODEL.MDPR.FUSION", False), 5, ("fusion",)),
    "no fusion, stride 2": (
        ("MODEL.MDPR.FUSION", False, "MODEL.BACKBONE.LAST_STRIDE", 2),
        5,
        ("fusion",),
    ),
    "no distillation": (("MODEL.MDPR.DISTILLATION", False), 9, ("distillation",)),
    "distillation scale 0": (("MODEL.MDPR.DISTILLATION_SCALE", 0.0), 9, ("distillation",)),
    "no diversity": (("MODEL.MDPR.DIVERSITY_SCALE", 0.0), 9, ("loss_4", "loss_3")),
    "no area": (("MODEL.MDPR.AREA_SCALE", 0.0), 9, ("reg",)),
    "hard only": (
        ("MODEL.MDPR.SOFT_BRANCH", False, *ONE_BRANCH),
        3,
        ("attn", "diversity", "fusion", "distillation"),
    ),
    "soft only": (
        ("MODEL.MDPR.HARD_BRANCH", False, *ONE_BRANCH),
        2,
        ("hard", "fusion", "distillation"),
    ),
    "one map": (("MODEL.MDPR.NUM_ATTENTIONS", 1), 9, ("loss_4", "loss_3")),
    "three maps": (("MODEL.MDPR.NUM_ATTENTIONS", 3), 9, ()),
    "one part": (("MODEL.MDPR.NUM_PARTS", 1), 8, ("part_1",)),
    "stage 4 alone": (("MODEL.MDPR.SOFT_STAGES", [4], *UNGUIDED), 7, (("3",))),
    "stage 3 alone": (("MODEL.MDPR.SOFT_STAGES", [3], *UNGUIDED), 7, ("4",)),
    "only soft, stage 3 alone": (
        ("MODEL.MDPR.HARD_BRANCH", False, *ONE_BRANCH, "MODEL.MDPR.SOFT_STAGES", [3], *UNGUIDED),
        1,
        ("hard", "fusion", "distillation", "4"),
    ),
    "only the hard branch learns": (("MODEL.MDPR.DISTILLATION_NAME", "DistillationToHard"), 9, ()),
    "only the soft branch learns": (("MODEL.MDPR.DISTILLATION_NAME", "DistillationToSoft"), 9, ()),
    "IBN": (("MODEL.BACKBONE.WITH_IBN", True), 9, ()),
    "R34": (("MODEL.BACKBONE.DEPTH", "34x"), 9, ()),
}
ALL_LOSSES = {
    *(
        f"loss_{name}_{kind}"
        for name in (
            "hard_global",
            "hard_part_0",
            "hard_part_1",
            "attn_feature4",
            "attn_feature3",
            "fusion",
        )
        for kind in ("cls", "triplet")
    ),
    *("loss_attn_bap4_cls", "loss_attn_bap3_cls", "loss_mutual_distillation"),
    *("loss_diversity_loss_4", "loss_diversity_loss_3"),
    *("loss_diversity_loss_reg_4", "loss_diversity_loss_reg_3"),
}


def batch(size=4):
    return {
        "images": torch.randint(0, 256, (size, 3, 64, 32)).float(),
        "targets": torch.arange(size) // 2,
    }


def test_registered():
    assert META_ARCH_REGISTRY.get("MDPR") is MDPR
    assert REID_HEADS_REGISTRY.get("MDPRHead") is not None


@pytest.mark.parametrize("case", CASES)
def test_switch(case):
    options, feature_width, without = CASES[case]
    model = build_model(tiny_config(*options)).train()
    data = batch()
    kept = {key: value.clone() for key, value in data.items()}
    with EventStorage():
        losses = model(data)
    expected = {name for name in ALL_LOSSES if not any(name.endswith(w) or w in name for w in without)}
    assert set(losses) == expected
    assert all(loss.dim() == 0 and torch.isfinite(loss) for loss in losses.values())

    sum(losses.values()).backward()
    without_gradient = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert without_gradient == []  # or DistributedDataParallel would wait for them
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)

    model.eval()
    with torch.no_grad():
        features = model(data)
        alone = torch.cat([model(image[None]) for image in data["images"]])
    assert features.shape == (4, feature_width * E)
    torch.testing.assert_close(alone, features, rtol=1e-4, atol=1e-4)  # batch of one
    assert all(torch.equal(data[key], kept[key]) for key in kept)


@pytest.mark.parametrize("case", CASES)
def test_state_dict_round_trip(case):
    options = CASES[case][0]
    first, second = build_model(tiny_config(*options)), build_model(tiny_config(*options))
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second.load_state_dict(torch.load(file, weights_only=True), strict=True)
    images = batch()["images"]
    with torch.no_grad():
        assert torch.equal(first.eval()(images), second.eval()(images))


def test_depths_with_bottlenecks():
    for depth, ibn in (("50x", False), ("101x", True)):
        cfg = tiny_config(
            *("MODEL.BACKBONE.DEPTH", depth, "MODEL.BACKBONE.FEAT_DIM", 2048),
            *("MODEL.BACKBONE.WITH_IBN", ibn),
        )
        with torch.no_grad():
            assert build_model(cfg).eval()(batch(1)["images"]).shape == (1, 9 * E)


def test_branches_start_equal_and_are_trained_apart():
    model = build_model(tiny_config()).train()
    hard, soft = model.hard_branch.layer3[0].conv1.weight, model.soft_branch.layer3[0].conv1.weight
    assert torch.equal(hard, soft)
    assert hard.data_ptr() != soft.data_ptr()
    with EventStorage():
        sum(model(batch()).values()).backward()
    assert not torch.equal(hard.grad, soft.grad)


def test_training_and_testing_compute_the_same_maps():
    """With norms in eval mode the heads' training features are the test feature."""
    model = build_model(tiny_config()).eval()
    data = batch()
    with torch.no_grad():
        maps, _ = model.feature_maps(normalize_pixels(data["images"], model.pixel_mean, model.pixel_std))
        expected = torch.cat([model.heads[name](x) for name, x in maps.items()], dim=1)
        assert torch.equal(model(data), expected)
    assert list(maps) == [
        "hard_global", "hard_part_0", "hard_part_1", "attn_feature4", "attn_feature3", "fusion",
    ]  # fmt: skip


def test_scales_multiply_their_terms():
    torch.manual_seed(0)
    model = build_model(tiny_config()).train()
    scaled = copy.deepcopy(model)
    options = (
        *("MODEL.MDPR.DISTILLATION_SCALE", 3.0, "MODEL.MDPR.DIVERSITY_SCALE", 0.5),
        *("MODEL.MDPR.AREA_SCALE", 0.01),
    )
    scaled.settings = build_model(tiny_config(*options)).settings
    data = batch()
    with EventStorage():
        one, other = model(data), scaled(data)
    ratios = {name: (other[name] / one[name]).item() for name in one}
    for name, ratio in ratios.items():
        expected = 1.0
        if "distillation" in name:
            expected = 3.0
        elif "diversity_loss_reg" in name:
            expected = 10.0
        elif "diversity_loss" in name:
            expected = 0.5
        assert ratio == pytest.approx(expected, rel=1e-4), name


class TestInputs:
    def model(self):
        return build_model(tiny_config())

    def test_training_batch_of_one(self):
        with pytest.raises(ValueError, match="batch of 1 image: batch norm needs 2 or more"):
            self.model().train()(batch(1))

    def test_training_without_targets(self):
        with pytest.raises(KeyError, match="targets"):
            self.model().train()({"images": batch()["images"]})

    def test_neither_dict_nor_tensor(self):
        with pytest.raises(TypeError, match="batch dict or an image tensor, got list"):
            self.model().eval()([1, 2])

    def test_batch_without_images(self):
        with pytest.raises(KeyError, match="no 'images', only"):
            self.model().eval()({"pictures": 1})

    def test_images_too_low_for_the_parts(self):
        with pytest.raises(ValueError, match=r"2 rows cannot be cut into MODEL.MDPR.NUM_PARTS 3"):
            build_model(
                tiny_config(
                    "MODEL.MDPR.NUM_PARTS",
                    3,
                    "INPUT.SIZE_TEST",
                    [96, 32],
                    "INPUT.SIZE_TRAIN",
                    [96, 32],
                )
            ).eval()(torch.zeros(1, 3, 32, 32))

    def test_bytes_are_images_too(self):
        model, images = self.model().eval(), batch()["images"]
        with torch.no_grad():
            assert torch.equal(model(images.to(torch.uint8)), model(images))

    def test_negative_targets_only_refresh_statistics(self):
        """fast-reid's signal for batches of a set with more identities than the classifier has."""
        data = batch() | {"targets": torch.tensor([-5, -5, -9, -9])}
        with EventStorage():
            losses = self.model().train()(data)
        assert torch.isfinite(sum(losses.values()))


def test_sync_batch_norm_everywhere():
    model = build_model(tiny_config("MODEL.BACKBONE.NORM", "syncBN", "MODEL.HEADS.NORM", "syncBN"))
    norms = [m for m in model.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    assert norms
    assert all(isinstance(norm, torch.nn.SyncBatchNorm) for norm in norms)
