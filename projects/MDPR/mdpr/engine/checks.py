"""What fast-reid's own keys may hold: checked before anything starts, wherever a run would fail later.

Keys of a run are in `mdpr.engine.run_rules`. Others of this project are checked beside what reads them:
`mdpr.modeling.settings`, `mdpr.evaluation.settings`, and `config_options` of a data set.
Architectures, heads, backbones and data sets are looked up in fast-reid's registries, where a user's project
enters its own.
"""

import inspect
import math
from collections.abc import Sequence

from fastreid.config import CfgNode, get_cfg
from fastreid.layers import any_softmax, pooling
from fastreid.modeling.backbones import BACKBONE_REGISTRY
from fastreid.modeling.heads import REID_HEADS_REGISTRY, EmbeddingHead
from fastreid.modeling.meta_arch import META_ARCH_REGISTRY
from torch import nn

from mdpr.config import add_mdpr_config
from mdpr.data.options import dataset_options
from mdpr.data.registry import known_datasets
from mdpr.data.sampling.build import SAMPLERS
from mdpr.engine.config_file import leaves
from mdpr.engine.network import check_deploy_config
from mdpr.engine.run_rules import RUN_RULES, classes_in
from mdpr.errors import wrong_value
from mdpr.evaluation.settings import check_evaluation
from mdpr.modeling.settings import check_method
from mdpr.rules import Choice, Rule, Rules, check_rules, each, number, pair, value_of, whole

FASTREID_LOSSES = ("CrossEntropyLoss", "TripletLoss", "CircleLoss", "Cosface")
NORMS = ("BN", "syncBN", "GhostBN", "FrozenBN", "GN", "")

_SHARE = number(least=0, most=1)
_POSITIVE = number(above=0)
_NOT_NEGATIVE = number(least=0)
_COLOUR = each(number(), "three numbers: red, green and blue", (3,))
_SIZE = each(whole(1), "two whole numbers of 1 or more: height and width in pixels", (1, 2))
# fast-reid pastes nothing before it has 100.
_PATCHES = Rule(
    "0 (patches are cut from files) or a whole number of 100 or more",
    lambda value: type(value) is int and (value == 0 or value >= 100),
)


_MODEL: Rules = {
    "MODEL.META_ARCHITECTURE": Choice(lambda: META_ARCH_REGISTRY._obj_map),
    "MODEL.FREEZE_LAYERS": each(Rule("", lambda value: isinstance(value, str)), "a list of names of modules"),
    "MODEL.PIXEL_MEAN": _COLOUR,
    "MODEL.PIXEL_STD": each(_POSITIVE, "three numbers above 0: red, green and blue", (3,)),
    "MODEL.BACKBONE.NAME": Choice(lambda: BACKBONE_REGISTRY._obj_map),
    "MODEL.BACKBONE.NORM": Choice(NORMS),
    "MODEL.BACKBONE.FEAT_DIM": whole(1),
    "MODEL.HEADS.NAME": Choice(lambda: REID_HEADS_REGISTRY._obj_map),
    "MODEL.HEADS.NUM_CLASSES": whole(0, " (0: as many as the training set has)"),
    "MODEL.HEADS.EMBEDDING_DIM": whole(0),
    "MODEL.HEADS.MARGIN": _NOT_NEGATIVE,
    "MODEL.HEADS.SCALE": _POSITIVE,
    "MODEL.LOSSES.CE.EPSILON": Rule(
        "a number >= 0 and <= 1, or -1 (adaptive)",
        lambda value: _SHARE.holds(value) or value == -1,
    ),
    "MODEL.LOSSES.CE.ALPHA": _NOT_NEGATIVE,
    "MODEL.LOSSES.CE.SCALE": _NOT_NEGATIVE,
    "MODEL.LOSSES.TRI.MARGIN": _NOT_NEGATIVE,
    "MODEL.LOSSES.TRI.SCALE": _NOT_NEGATIVE,
    "MODEL.LOSSES.CIRCLE.MARGIN": _NOT_NEGATIVE,
    "MODEL.LOSSES.CIRCLE.GAMMA": _POSITIVE,
    "MODEL.LOSSES.CIRCLE.SCALE": _NOT_NEGATIVE,
    "MODEL.LOSSES.COSFACE.MARGIN": _NOT_NEGATIVE,
    "MODEL.LOSSES.COSFACE.GAMMA": _POSITIVE,
    "MODEL.LOSSES.COSFACE.SCALE": _NOT_NEGATIVE,
}

# Of heads that are built as fast-reid's are; they take layers from its modules, where a project puts its own.
_EMBEDDING_HEAD: Rules = {
    "MODEL.HEADS.NORM": Choice(NORMS),
    "MODEL.HEADS.NECK_FEAT": Choice(("before", "after")),
    "MODEL.HEADS.POOL_LAYER": Choice(lambda: classes_in(pooling, nn.Module)),
    "MODEL.HEADS.CLS_LAYER": Choice(lambda: classes_in(any_softmax, nn.Module)),
}

_IMAGES: Rules = {
    "INPUT.CROP.SIZE": _SIZE,
    "INPUT.CROP.SCALE": pair(_POSITIVE, "two numbers above 0, the smaller first"),
    "INPUT.CROP.RATIO": pair(_POSITIVE, "two numbers above 0, the smaller first"),
    "INPUT.FLIP.PROB": _SHARE,
    "INPUT.PADDING.MODE": Choice(("constant", "edge", "reflect", "symmetric")),
    "INPUT.PADDING.SIZE": whole(0),
    "INPUT.CJ.PROB": _SHARE,
    "INPUT.CJ.BRIGHTNESS": _NOT_NEGATIVE,
    "INPUT.CJ.CONTRAST": _NOT_NEGATIVE,
    "INPUT.CJ.SATURATION": _NOT_NEGATIVE,
    "INPUT.CJ.HUE": number(least=0, most=0.5),
    "INPUT.AUTOAUG.PROB": _SHARE,
    "INPUT.AUGMIX.PROB": _SHARE,
    "INPUT.REA.PROB": _SHARE,
    "INPUT.REA.VALUE": _COLOUR,
    "INPUT.RPT.PROB": _SHARE,
    "INPUT.RPT.STORE": _PATCHES,
    "DATASETS.NAMES": Choice(known_datasets, several=True),
    "DATASETS.VAL_FRACTION": number(least=0, below=1, note=" (0 holds nobody out)"),
    "DATALOADER.SAMPLER_TRAIN": Choice(SAMPLERS),
    "DATALOADER.NUM_INSTANCE": whole(1),
    "DATALOADER.NUM_WORKERS": whole(0),
}


def check_config(cfg: CfgNode) -> None:
    """Check a config that nothing has been left out of; whatever is done with it.

    Raises:
        ConfigError: a value that cannot be used; one line with the key, the value and what is allowed.
    """
    check_rules(cfg, _MODEL | _IMAGES | RUN_RULES)
    head = REID_HEADS_REGISTRY.get(cfg.MODEL.HEADS.NAME)
    if inspect.isclass(head) and issubclass(head, EmbeddingHead):
        check_rules(cfg, _EMBEDDING_HEAD)
    check_evaluation(cfg)
    check_deploy_config(cfg)
    _check_sizes(cfg)
    _check_data(cfg)
    if cfg.MODEL.META_ARCHITECTURE == "MDPR":
        check_method(cfg)
    elif cfg.MODEL.META_ARCHITECTURE in ("Baseline", "MGN"):
        Choice(FASTREID_LOSSES, several=True).check("MODEL.LOSSES.NAME", cfg.MODEL.LOSSES.NAME)
    if cfg.MODEL.META_ARCHITECTURE != "MDPR":
        of_mdpr = {"TEST.MDPR.NESTED_DIM": 0, "TEST.MDPR.FEATURES": [], "SOLVER.NEW_LAYERS_WARMUP_ITERS": 0}
        for key, nothing in of_mdpr.items():
            if (value := value_of(cfg, key)) != nothing:
                allowed = f"{nothing} while MODEL.META_ARCHITECTURE is {cfg.MODEL.META_ARCHITECTURE}"
                raise wrong_value(key, value, allowed)
    if 0 < (longer := cfg.SOLVER.NEW_LAYERS_WARMUP_ITERS) <= cfg.SOLVER.WARMUP_ITERS:
        allowed = f"0, or more than SOLVER.WARMUP_ITERS {cfg.SOLVER.WARMUP_ITERS}"
        raise wrong_value("SOLVER.NEW_LAYERS_WARMUP_ITERS", longer, allowed)
    _check_plain_values(cfg)


def _check_sizes(cfg: CfgNode) -> None:
    for key in ("INPUT.SIZE_TRAIN", "INPUT.SIZE_TEST"):
        value = value_of(cfg, key)
        # fast-reid takes 0 for "not resized", which makes images of one size only where they are cropped.
        if not (cfg.INPUT.CROP.ENABLED and list(value or ()) == [0, 0]):
            _SIZE.check(key, value)
            if cfg.MODEL.META_ARCHITECTURE == "MGN":
                _check_three_stripes(key, value)


def _check_three_stripes(key: str, size: Sequence[int]) -> None:
    """MGN cuts features of a 16th of the height by ``chunk(3)``, which of 1, 2 and 4 rows makes fewer."""
    rows = math.ceil(size[0] / 16)
    if 2 * math.ceil(rows / 3) >= rows:
        raise wrong_value(key, size, "a height that MGN can cut three stripes of: above 64, or 33 to 48")


def _check_data(cfg: CfgNode) -> None:
    if not cfg.DATASETS.VAL_FRACTION or cfg.DATASETS.TESTS not in ((), []):
        Choice(known_datasets, several=True).check("DATASETS.TESTS", cfg.DATASETS.TESTS)
    for name in {*cfg.DATASETS.NAMES, *cfg.DATASETS.TESTS}:
        dataset_options(cfg, name)
    if cfg.DATASETS.VAL_FRACTION and cfg.DATASETS.COMBINEALL:
        allowed = "False while DATASETS.VAL_FRACTION is not 0: it trains on the test identities"
        raise wrong_value("DATASETS.COMBINEALL", True, allowed)
    if cfg.TEST.PRECISE_BN.ENABLED:
        Choice(known_datasets).check("TEST.PRECISE_BN.DATASET", cfg.TEST.PRECISE_BN.DATASET)


def _check_plain_values(cfg: CfgNode) -> None:
    """What no table names: None where the default is not, which fast-reid's configs let through, and
    numbers that are not finite."""
    defaults = get_cfg()
    add_mdpr_config(defaults)
    before = dict(leaves(defaults))
    checked = _MODEL.keys() | _IMAGES.keys() | RUN_RULES.keys()
    for key, value in leaves(cfg):
        if value is None and before.get(key) is not None:
            raise wrong_value(key, value, f"a value such as {before[key]!r}")
        if isinstance(value, float) and not math.isfinite(value) and key not in checked:
            raise wrong_value(key, value, "a finite number")
