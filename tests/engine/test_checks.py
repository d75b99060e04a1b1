"""Every wrong value is refused before anything starts, in one line with key, value and what is allowed."""

import math
import re

import pytest
import torch
from fastreid.modeling.heads import REID_HEADS_REGISTRY, EmbeddingHead
from fastreid.modeling.meta_arch import META_ARCH_REGISTRY
from mdpr.engine.setup import make_config
from mdpr.errors import ConfigError
from support.configs import CONFIG_FILES, CONFIGS
from torch import nn

MDPR_CONFIG = str(CONFIGS / "Synthetic/mdpr_R18.yml")
WRONG = [
    ("MODEL.DEVICE", "mps", "cpu, cuda, or a GPU such as cuda:0"),
    ("MODEL.DEVICE", "cuda:x", "cpu, cuda, or a GPU such as cuda:0"),
    ("MODEL.META_ARCHITECTURE", "MDPRR", "(did you mean 'MDPR'?)"),
    ("MODEL.FREEZE_LAYERS", [1], "names of modules"),
    ("MODEL.PIXEL_MEAN", [1.0, 2.0], "three numbers"),
    ("MODEL.PIXEL_STD", [1.0, 1.0, 0.0], "above 0"),
    ("MODEL.WEIGHTS", None, "a value such as ''"),
    ("MODEL.BACKBONE.NAME", "build_resnet_backbon", "(did you mean 'build_resnet_backbone'?)"),
    ("MODEL.BACKBONE.NORM", "SyncBN", "(did you mean 'syncBN'?)"),
    ("MODEL.BACKBONE.DEPTH", "19x", "one of 18x, 34x, 50x, 101x"),
    ("MODEL.BACKBONE.FEAT_DIM", 2048, "512 for 18x"),
    ("MODEL.BACKBONE.FEAT_DIM", 0, "1 or more"),
    ("MODEL.BACKBONE.LAST_STRIDE", 3, "1 or 2"),
    ("MODEL.BACKBONE.WITH_NL", True, "False"),
    ("MODEL.BACKBONE.WITH_IBN", "yes", "True or False"),
    ("MODEL.HEADS.NAME", "MDPRHeads", "(did you mean 'MDPRHead'?)"),
    ("MODEL.HEADS.NORM", "LN", "one of BN, syncBN"),
    ("MODEL.HEADS.POOL_LAYER", "Foo", "one of Identity, Flatten, GlobalAvgPool"),
    ("MODEL.HEADS.POOL_LAYER", "F", "one of Identity, Flatten, GlobalAvgPool"),
    ("MODEL.HEADS.CLS_LAYER", "Foo", "one of Linear, CosSoftmax, ArcSoftmax, CircleSoftmax"),
    ("MODEL.HEADS.NECK_FEAT", "behind", "one of before, after"),
    ("MODEL.HEADS.MARGIN", -0.1, ">= 0"),
    ("MODEL.HEADS.SCALE", 0, "above 0"),
    ("MODEL.HEADS.NUM_CLASSES", -1, "0 or more"),
    ("MODEL.LOSSES.NAME", ("CrossEntropyLos",), "(did you mean 'CrossEntropyLoss'?)"),
    ("MODEL.LOSSES.NAME", (), "one or more names"),
    ("MODEL.LOSSES.CE.EPSILON", 1.5, "<= 1, or -1"),
    ("MODEL.LOSSES.CE.SCALE", math.nan, ">= 0"),
    ("MODEL.LOSSES.TRI.MARGIN", -0.3, ">= 0"),
    ("MODEL.LOSSES.TRI.HARD_MINING", 1, "True or False"),
    ("MODEL.LOSSES.CIRCLE.GAMMA", 0, "above 0"),
    ("MODEL.MDPR.NUM_PARTS", 0, "1 or more"),
    ("MODEL.MDPR.NUM_PARTS", 7, "8 feature rows"),
    ("MODEL.MDPR.EMBEDDING_DIM", 12.5, "a whole number"),
    ("MODEL.MDPR.AREA_SCALE", math.inf, ">= 0"),
    ("MODEL.MDPR.DISTILLATION_NAME", "MutualDistilation", "(did you mean 'MutualDistillation'?)"),
    ("MODEL.MDPR.DISTILLATION_NAME", "TripletLoss", "DistillationToSoft, MutualDistillation"),
    ("MODEL.MDPR.DIVERSITY_NAME", "Diversity", "(did you mean 'DiversityLoss'?)"),
    ("MODEL.MDPR.DIVERSITY_NAME", "AttentionAreaLoss", "one of DiversityLoss"),
    ("MODEL.MDPR.AREA_NAME", "DiversityLoss", "one of AttentionAreaLoss"),
    ("MODEL.MDPR.AREA_NAME", None, "one of AttentionAreaLoss"),
    ("MODEL.MDPR.AUXILIARY_LOSSES", ("TripletLoss",), "one of (there are none)"),
    ("MODEL.LOSSES.NAME", ("CrossEntropyLoss", "DiversityLoss"), "out of CircleLoss, Cosface"),
    ("MODEL.MDPR.FUSION", None, "a value such as True"),
    ("INPUT.SIZE_TRAIN", [0, 0], "height and width in pixels"),
    ("INPUT.SIZE_TEST", [128, -64], "height and width in pixels"),
    ("INPUT.SIZE_TEST", "[128, 6.5]", "height and width in pixels"),
    ("INPUT.CROP.SCALE", [1.0, 0.16], "the smaller first"),
    ("INPUT.FLIP.PROB", 1.5, "<= 1"),
    ("INPUT.PADDING.SIZE", -1, "0 or more"),
    ("INPUT.PADDING.MODE", "reflection", "(did you mean 'reflect'?)"),
    ("INPUT.CJ.HUE", 0.7, "<= 0.5"),
    ("INPUT.REA.PROB", math.nan, ">= 0"),
    ("INPUT.REA.VALUE", [1.0], "three numbers"),
    ("INPUT.RPT.PROB", "often", "a number with a decimal point"),
    ("INPUT.RPT.STORE", 50, "0 (patches are cut from files) or a whole number of 100 or more"),
    ("DATASETS.NAMES", ("DukeMTCM",), "(did you mean 'DukeMTMC'?)"),
    ("DATASETS.NAMES", "DukeMTMC", "a list"),
    ("DATASETS.TESTS", (), "one or more names"),
    ("DATALOADER.SAMPLER_TRAIN", "NaiveSampler", "(did you mean 'NaiveIdentitySampler'?)"),
    ("DATALOADER.NUM_INSTANCE", 0, "1 or more"),
    ("DATALOADER.NUM_WORKERS", -1, "0 or more"),
    ("DATALOADER.SAMPLER_TRAIN", "SetReWeightSampler", "one of TrainingSampler"),
    ("DATALOADER.SKIP_BROKEN_IMAGES", None, "a value such as False"),
    ("SOLVER.OPT", "Adm", "(did you mean 'Adam'?)"),
    ("SOLVER.OPT", "LBFGS", "AdamW"),
    ("SOLVER.SCHED", "Foo", "one of MultiStepLR, CosineAnnealingLR"),
    ("SOLVER.MAX_EPOCH", 0, "1 or more"),
    ("SOLVER.MAX_EPOCH", "many", "a whole number, such as 34"),
    ("SOLVER.BASE_LR", -1.0, "above 0"),
    ("SOLVER.BASE_LR", math.nan, "above 0"),
    ("SOLVER.MOMENTUM", 1.0, "below 1"),
    ("SOLVER.WEIGHT_DECAY", -0.0005, ">= 0"),
    ("SOLVER.GAMMA", 0.0, "above 0"),
    ("SOLVER.STEPS", [30.5], "whole numbers"),
    ("SOLVER.ETA_MIN_LR", -1e-7, ">= 0"),
    ("SOLVER.WARMUP_ITERS", -1, "0 or more"),
    ("SOLVER.NEW_LAYERS_WARMUP_ITERS", 50, "more than SOLVER.WARMUP_ITERS"),
    ("SOLVER.WARMUP_METHOD", "cosine", "one of linear, constant, exp"),
    ("SOLVER.FREEZE_ITERS", -1, "0 or more"),
    ("SOLVER.IMS_PER_BATCH", 0, "1 or more"),
    ("SOLVER.AMP.DTYPE", "fp8", "one of fp16, bf16"),
    ("SOLVER.AMP.ENABLED", "on", "True or False"),
    ("SOLVER.CHECKPOINT_PERIOD", 0, "1 or more"),
    ("SOLVER.CHECKPOINT_KEEP", -2, "-1 or more"),
    ("SOLVER.EMA.DECAY", 1.0, "below 1"),
    ("SOLVER.EARLY_STOPPING.METRIC", "map", "(did you mean 'mAP'?)"),
    ("SOLVER.CLIP_GRADIENTS.NORM_TYPE", 0.0, "above 0"),
    ("TEST.METRIC", "cosin", "(did you mean 'cosine'?)"),
    ("TEST.EVAL_PERIOD", -1, "0 or more"),
    ("TEST.IMS_PER_BATCH", 0, "1 or more"),
    ("TEST.RERANK.K1", 0, "1 or more"),
    ("TEST.RERANK.LAMBDA", 1.5, "<= 1"),
    ("TEST.AQE.QE_K", 0, "1 or more"),
    ("TEST.MDPR.PROTOCOL", "duke", "one of market1501, cuhk03"),
    ("TEST.MDPR.DEPLOY", "fp16", "one of fp32, bf16, or ''"),
    ("TEST.MDPR.PRECISION", "fp64", "one of fp32, bf16, fp16"),
    ("TEST.MDPR.RANKING_LENGTH", 0, "1 or more"),
    ("KD.EMA.MOMENTUM", math.nan, "a finite number"),
    ("OUTPUT_DIR", "", "the name of a folder"),
    ("OUTPUT_DIR", __file__, "the name of a folder"),
    ("SEED", -1, "from 0 to"),
    ("SEED", 2**32, "from 0 to"),
]


@pytest.mark.parametrize(("key", "value", "allowed"), WRONG, ids=str)
def test_wrong_value_is_one_line(key, value, allowed):
    with pytest.raises(ConfigError) as error:
        make_config(MDPR_CONFIG, [key, value])
    message = str(error.value)
    shown = value[0] if isinstance(value, tuple) and value else value
    assert "\n" not in message
    assert message.startswith(f"{key} is ")
    assert str(shown) in message
    assert "expected " in message
    assert allowed in message


def test_there_are_enough_of_them():
    assert len(WRONG) >= 60
    nodes = {key.partition(".")[0] for key, _, _ in WRONG}
    assert nodes >= {"MODEL", "INPUT", "DATASETS", "DATALOADER", "SOLVER", "TEST", "OUTPUT_DIR"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["DATASETS.TESTS", ("ImageFolderReID",)], r"DATASETS\.IMAGE_FOLDER\.PATH is ''"),
        (
            ["DATASETS.NAMES", ("CUHK03NP",), "DATASETS.CUHK03NP.BOXES", "label"],
            r"DATASETS\.CUHK03NP\.BOXES is 'label': .*\(did you mean 'labeled'\?\)",
        ),
        (
            ["TEST.PRECISE_BN.ENABLED", True, "TEST.PRECISE_BN.DATASET", "Market"],
            r"TEST\.PRECISE_BN\.DATASET is 'Market': .*'Market1501'",
        ),
        (
            ["MODEL.META_ARCHITECTURE", "Baseline", "MODEL.LOSSES.NAME", ("TripletLos",)],
            r"MODEL\.LOSSES\.NAME is 'TripletLos': .*'TripletLoss'",
        ),
        (
            ["MODEL.META_ARCHITECTURE", "MGN", "INPUT.SIZE_TEST", [64, 32]],
            r"INPUT\.SIZE_TEST is \[64, 32\]: .*above 64, or 33 to 48",
        ),
    ],
)
def test_what_depends_on_other_keys(options, message):
    with pytest.raises(ConfigError, match=message):
        make_config(MDPR_CONFIG, options)


@pytest.mark.parametrize("file", CONFIG_FILES, ids=lambda path: path.name)
def test_every_shipped_config_passes(file):
    cfg, _ = make_config(str(file), [])
    assert cfg.is_frozen()


@pytest.mark.parametrize("architecture", ["Baseline", "MGN"])
def test_fastreids_own_architectures_pass(architecture):
    for file in (MDPR_CONFIG, ""):
        cfg, _ = make_config(file, ["MODEL.META_ARCHITECTURE", architecture])
        assert architecture == cfg.MODEL.META_ARCHITECTURE


@pytest.mark.parametrize("rows", range(1, 13))
def test_mgn_takes_what_can_be_cut_in_three(rows):
    options = ["MODEL.META_ARCHITECTURE", "MGN", "INPUT.SIZE_TRAIN", [16 * rows, 32]]
    if len(torch.zeros(rows).chunk(3)) == 3:
        make_config("", options)
    else:
        with pytest.raises(ConfigError, match=r"INPUT\.SIZE_TRAIN is "):
            make_config("", options)


def test_zero_leaves_images_as_large_as_they_are_where_they_are_cropped():
    options = ["MODEL.META_ARCHITECTURE", "Baseline", "INPUT.SIZE_TRAIN", [0, 0]]
    cfg, _ = make_config(MDPR_CONFIG, [*options, "INPUT.CROP.ENABLED", True])
    assert cfg.INPUT.SIZE_TRAIN == [0, 0]


def test_what_a_project_registers_passes():
    class OwnHead(EmbeddingHead):
        pass

    class OwnNetwork(nn.Module):
        pass

    class HeadOfAnotherKind(nn.Module):
        pass

    try:
        REID_HEADS_REGISTRY.register(OwnHead)
        REID_HEADS_REGISTRY.register(HeadOfAnotherKind)
        META_ARCH_REGISTRY.register(OwnNetwork)
        own = ["MODEL.META_ARCHITECTURE", "OwnNetwork", "MODEL.LOSSES.NAME", ("OwnLoss",)]
        make_config(MDPR_CONFIG, [*own, "MODEL.HEADS.NAME", "OwnHead"])
        other = ["MODEL.HEADS.NAME", "HeadOfAnotherKind", "MODEL.HEADS.POOL_LAYER", "its own"]
        make_config(MDPR_CONFIG, [*own, *other])
        with pytest.raises(ConfigError, match=re.escape("MODEL.HEADS.POOL_LAYER is 'its own'")):
            make_config(MDPR_CONFIG, [*other, "MODEL.HEADS.NAME", "OwnHead"])
    finally:
        for registry, name in (
            (REID_HEADS_REGISTRY, "OwnHead"),
            (REID_HEADS_REGISTRY, "HeadOfAnotherKind"),
            (META_ARCH_REGISTRY, "OwnNetwork"),
        ):
            registry._obj_map.pop(name, None)
